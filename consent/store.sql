-- Every version of every consent, for ever: rows are added, never changed. `record` is the exact text whose SHA-256 is `hash`.
CREATE TABLE consent_record (
    consent_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    subject uuid NOT NULL,
    state text NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    record text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (consent_id, version)
);
CREATE INDEX consent_record_subject ON consent_record (subject, consent_id, version DESC);

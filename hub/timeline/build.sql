-- One build of everything that is derived from the topics. Stands in a schema of its own, the search path's first.
CREATE TABLE entry (
    event_id bytea PRIMARY KEY,
    identity uuid NOT NULL,
    decision_id uuid NOT NULL,
    partner text NOT NULL,
    source text NOT NULL,
    category text NOT NULL,
    fact_ref bytea NOT NULL,
    action text NOT NULL,
    target bytea,
    key_id uuid NOT NULL,
    schema_fingerprint bytea NOT NULL,
    nonce bytea NOT NULL,
    sealed bytea NOT NULL,  -- the topic's own ciphertext
    recorded_at timestamptz NOT NULL
);
CREATE INDEX entry_identity ON entry (identity);
CREATE INDEX entry_target ON entry (target) WHERE target IS NOT NULL;

-- What an entry rests on towards one recipient and purpose, without a clock.
CREATE TABLE basis_state (
    event_id bytea NOT NULL,
    recipient text NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    consent bytea,
    valid_from timestamptz,
    valid_until timestamptz,
    PRIMARY KEY (event_id, recipient, purpose)
);

-- An identity is locked here by whoever folds something of it; `client` is null until the register's change has arrived.
CREATE TABLE subject (identity uuid PRIMARY KEY, client uuid, version bigint NOT NULL DEFAULT 0);
CREATE INDEX subject_client ON subject (client);
CREATE TABLE client (id uuid PRIMARY KEY);

CREATE TABLE consent (
    consent_id uuid NOT NULL,
    version int NOT NULL,
    subject uuid NOT NULL,
    record text NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (consent_id, version, hash)
);
CREATE INDEX consent_subject ON consent (subject);

CREATE TABLE network (version text PRIMARY KEY, network text NOT NULL, content text NOT NULL, recorded_at timestamptz NOT NULL);

CREATE TABLE decision (
    decision_id uuid PRIMARY KEY,
    event_id bytea,
    identity uuid,
    partner text NOT NULL,
    source text NOT NULL,
    delivery_id uuid NOT NULL,
    item int NOT NULL,
    category text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    results jsonb NOT NULL,
    network_version text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX decision_identity ON decision (identity, at);

CREATE TABLE read (
    read_id uuid PRIMARY KEY,
    partner text NOT NULL,
    client uuid,
    purpose text NOT NULL,
    at timestamptz NOT NULL,
    outcome text NOT NULL,
    entries int NOT NULL,
    withheld int NOT NULL,
    bases jsonb NOT NULL
);
CREATE INDEX read_client ON read (client, at);
CREATE INDEX read_partner ON read (partner, at);

-- Records that could not be read: they stay in their topic, found by their place.
CREATE TABLE unreadable (topic text NOT NULL, partition int NOT NULL, "offset" bigint NOT NULL, code text NOT NULL, PRIMARY KEY (topic, partition, "offset"));

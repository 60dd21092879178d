-- The client register. An identity is one partner's own record of a person; a client has identities.
CREATE TABLE client (id uuid PRIMARY KEY, created_at timestamptz NOT NULL);

CREATE TABLE identity (
    id uuid PRIMARY KEY,
    partner text NOT NULL,
    person_ref bytea NOT NULL,  -- HMAC of the first identifier it came with: names the person in fact references, for ever
    created_at timestamptz NOT NULL,
    UNIQUE (partner, person_ref)
);

CREATE TABLE membership (
    identity uuid PRIMARY KEY REFERENCES identity,
    client uuid NOT NULL REFERENCES client,
    version bigint NOT NULL
);
CREATE INDEX membership_client ON membership (client);

CREATE TABLE identifier (
    partner text NOT NULL,
    scheme text NOT NULL,
    issuer text NOT NULL,
    hmac bytea NOT NULL,
    identity uuid NOT NULL REFERENCES identity,
    key_id uuid NOT NULL,
    sealed bytea NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (partner, scheme, issuer, hmac)
);
CREATE INDEX identifier_identity ON identifier (identity);

CREATE TABLE anchor (scheme text NOT NULL, hmac bytea NOT NULL, client uuid NOT NULL REFERENCES client, PRIMARY KEY (scheme, hmac));

-- Two strong identifiers that name two clients: for a person to settle, never merged by themselves.
CREATE TABLE review_item (
    id uuid PRIMARY KEY,
    identity uuid NOT NULL REFERENCES identity,
    client uuid NOT NULL REFERENCES client,
    other_client uuid NOT NULL REFERENCES client,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    UNIQUE (identity, client, other_client)
);

CREATE TABLE dek (
    identity uuid NOT NULL,
    class text NOT NULL,
    key_id uuid NOT NULL UNIQUE,
    wrapped bytea NOT NULL,
    epoch int NOT NULL,
    PRIMARY KEY (identity, class)
);

-- Intake: a slot is one transactional producer; its epoch fences predecessors.
CREATE TABLE slot (source text NOT NULL, slot int NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (source, slot));

-- What one Kafka transaction publishes is claimed, settled and freed together.
CREATE TABLE claim_batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    slot int NOT NULL,
    epoch bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('claimed', 'published')),
    claimed_at timestamptz NOT NULL,
    low_offsets jsonb NOT NULL  -- no record of the batch stands before these, by partition
);
CREATE INDEX claim_batch_open ON claim_batch (source, slot) WHERE state = 'claimed';

CREATE TABLE claim (
    event_id bytea PRIMARY KEY,
    batch bigint NOT NULL,  -- no foreign key: its check would cost more than the claim
    fact_ref bytea NOT NULL,
    parent_ref bytea,
    type text NOT NULL,
    category text NOT NULL,
    predecessor bytea,
    content bytea,  -- HMAC; null: a retraction
    source_version bigint,
    kept_when_omitted boolean NOT NULL,
    denied boolean NOT NULL,  -- retracted because its correction was denied
    key_class text NOT NULL,
    identity uuid NOT NULL,
    key_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    UNIQUE NULLS NOT DISTINCT (fact_ref, predecessor)
);
CREATE INDEX claim_of_batch ON claim (batch);

-- The last admitted version of each fact: no content.
CREATE TABLE snapshot (
    fact_ref bytea PRIMARY KEY,
    parent_ref bytea,
    type text NOT NULL,
    category text NOT NULL,
    event_id bytea NOT NULL,
    content bytea,  -- HMAC; null: retracted
    source_version bigint,
    kept_when_omitted boolean NOT NULL,
    denied boolean NOT NULL,  -- retracted because its correction was denied
    key_class text NOT NULL
);
CREATE INDEX snapshot_parent ON snapshot (parent_ref) WHERE parent_ref IS NOT NULL;

CREATE TABLE delivery (
    source text NOT NULL,
    item bytea NOT NULL,  -- HMAC of the file's name or of the sender's key
    content bytea NOT NULL,  -- HMAC of the bytes
    stamp text NOT NULL,  -- tells one sending from the next: a file's inode and time, or the idempotency key's own row
    delivery_id uuid NOT NULL,
    closed boolean NOT NULL,
    complete boolean NOT NULL,  -- closed with every fact admitted and no error: the same bytes again are a repeat
    opened_at timestamptz NOT NULL,
    outcome jsonb NOT NULL,
    PRIMARY KEY (source, item)
);

CREATE TABLE source_position (source text NOT NULL, item bytea NOT NULL, next bigint NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (source, item));

CREATE TABLE error_list (
    source text NOT NULL,
    item bytea NOT NULL,
    pointer text NOT NULL,
    code text NOT NULL,
    remedy text NOT NULL,
    delivery_id uuid NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    cleared_at timestamptz,
    PRIMARY KEY (source, item, pointer, code)
);

CREATE TABLE quarantine_key (quarantine_id uuid PRIMARY KEY, wrapped bytea NOT NULL, epoch int NOT NULL, expires_at timestamptz NOT NULL);

-- What starts here leaves through the outbox, in the transaction that it reports.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    change_no bigint UNIQUE
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE change_no IS NULL;
CREATE TABLE relay (single boolean PRIMARY KEY DEFAULT true CHECK (single), epoch bigint NOT NULL);
INSERT INTO relay (epoch) VALUES (0);

CREATE TABLE network_version (version text PRIMARY KEY, network text NOT NULL, content text NOT NULL, activated_at timestamptz NOT NULL);

CREATE TABLE partner_credential (
    secret_sha256 bytea PRIMARY KEY,
    partner text NOT NULL,
    role text NOT NULL CHECK (role IN ('partner', 'auditor')),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- The tables derived from the topics stand in a schema per build; readers follow this row.
CREATE TABLE active_build (single boolean PRIMARY KEY DEFAULT true CHECK (single), build text NOT NULL);

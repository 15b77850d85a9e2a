-- Times are BIGINT milliseconds since 1970, UTC. Ids and documents (JSON) are TEXT. The same SQL serves SQLite and PostgreSQL.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row per configured user; a removed one keeps its row, so that it finds its state again.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    username      TEXT NOT NULL,
    active        BOOLEAN NOT NULL,
    interval_ms   BIGINT NOT NULL,
    first_seen    BIGINT NOT NULL,
    removed_at    BIGINT,
    due_at        BIGINT NOT NULL,
    due_set_at    BIGINT NOT NULL,
    claim_token   TEXT,
    claimed_until BIGINT,
    record        TEXT NOT NULL,
    recent        BYTEA NOT NULL
);
CREATE INDEX users_due ON users (due_at) WHERE active;

-- One row per (lower-cased username, keyed fingerprint), and one per username with an empty fingerprint.
CREATE TABLE ledger (
    username    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    doc         TEXT NOT NULL,
    touched_at  BIGINT NOT NULL,
    PRIMARY KEY (username, fingerprint)
);

CREATE TABLE incidents (
    id        TEXT PRIMARY KEY,
    user_id   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    since     BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX incidents_user ON incidents (user_id, opened_at);

-- A frozen mail: every retry sends these bytes.
CREATE TABLE mails (
    id          TEXT PRIMARY KEY,
    message_id  TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    bytes       BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    tries       BIGINT NOT NULL,
    sent_at     BIGINT,
    dead_at     BIGINT,
    last_error  TEXT
);
CREATE INDEX mails_waiting ON mails (next_try_at) WHERE sent_at IS NULL AND dead_at IS NULL;

-- One thing owed to one recipient. `unsendable` says why it will never become a mail.
CREATE TABLE notices (
    id          TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    facts       TEXT NOT NULL,
    mail_id     TEXT,
    unsendable  TEXT
);
CREATE INDEX notices_waiting ON notices (recipient, due_at) WHERE mail_id IS NULL AND unsendable IS NULL;
CREATE INDEX notices_mail ON notices (mail_id);

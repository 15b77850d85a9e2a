-- What telling needs to know. `failing_since`: the first sighting of a failure that is suspected or open; `doubtful`: tries of
-- a mail whose end is not known, so that it may have arrived; `owed_since`: when the oldest that it tells was frozen first;
-- `put_off_since`, `put_offs`: since when and how often its recipient was put off; `seq`: the order of freezing, whatever the
-- clock says.
ALTER TABLE users ADD COLUMN failing_since BIGINT;
CREATE INDEX users_interval ON users (tenant, interval_ms) WHERE active;
CREATE INDEX users_failing ON users (tenant, failing_since) WHERE failing_since IS NOT NULL;
-- The limit of mails a day holds it back.
ALTER TABLE notices ADD COLUMN held_back BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE mails ADD COLUMN doubtful BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN owed_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN put_off_since BIGINT;
ALTER TABLE mails ADD COLUMN put_offs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
UPDATE mails SET owed_since = created_at, doubtful = tries, seq = created_at;
CREATE INDEX mails_seq ON mails (seq);
CREATE INDEX mails_recipient ON mails (recipient, created_at) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX mails_dead ON mails (dead_at) WHERE dead_at IS NOT NULL;

-- Which incidents a mail tells its recipient about. `digest`: in a reminder only.
CREATE TABLE tellings (
    mail_id     TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    told_at     BIGINT NOT NULL,
    digest      BOOLEAN NOT NULL,
    PRIMARY KEY (mail_id, incident_id)
);
CREATE INDEX tellings_incident ON tellings (incident_id, recipient, told_at);
CREATE INDEX tellings_recipient ON tellings (recipient, told_at);
-- Mails that wait keep their order.
INSERT INTO tellings (mail_id, incident_id, recipient, told_at, digest)
    SELECT DISTINCT mails.id, notices.incident_id, mails.recipient, mails.created_at, FALSE
    FROM mails JOIN notices ON notices.mail_id = mails.id WHERE notices.incident_id <> '';

-- Matters of the operator's that were told and are not over.
CREATE TABLE matters (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    since   BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    doc     TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX notices_kind ON notices (kind, created_at);

-- Mail accounts whose login was refused, by a keyed hash of their settings: left alone until then.
CREATE TABLE login_pauses (
    account  TEXT PRIMARY KEY,
    until_at BIGINT NOT NULL,
    failures BIGINT NOT NULL
);

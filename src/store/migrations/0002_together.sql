-- What many users' fates say together. `refused_since` is a time of the budget's clock: the first rejection of a credential
-- that was accepted before; `denied_since`: the look-up knew the user and denies it since then; `hastened_at`: its next
-- check was brought forward for the sake of another user.
ALTER TABLE users ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN zone TEXT;
ALTER TABLE users ADD COLUMN worked BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN refused_since BIGINT;
ALTER TABLE users ADD COLUMN denied_since BIGINT;
ALTER TABLE users ADD COLUMN hastened_at BIGINT;
CREATE INDEX users_refused ON users (zone, refused_since) WHERE refused_since IS NOT NULL;
CREATE INDEX users_denied ON users (denied_since) WHERE denied_since IS NOT NULL;
CREATE INDEX users_hastened ON users (zone, hastened_at) WHERE hastened_at IS NOT NULL;
CREATE INDEX users_zone ON users (zone, tenant, due_at);

-- One row per zone, and one per tenant in a zone.
CREATE TABLE groups_ledger (
    zone       TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    doc        TEXT NOT NULL,
    touched_at BIGINT NOT NULL,
    PRIMARY KEY (zone, tenant)
);

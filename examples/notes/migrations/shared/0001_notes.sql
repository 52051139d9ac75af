-- Notes of the tenants that share this file (strategy `row`). Every key starts with the tenant, so
-- that one tenant's ids say nothing about another's.
CREATE TABLE notes_of_all (
    tenant_id  TEXT NOT NULL,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_of_all_by_time ON notes_of_all (tenant_id, created_at, id);

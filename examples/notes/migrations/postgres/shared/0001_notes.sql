-- Notes of the tenants that share this table (strategy `row`). Every key starts with the tenant, so that one
-- tenant's ids say nothing about another's.
CREATE TABLE notes (
    tenant_id  text NOT NULL,
    id         text NOT NULL,
    body       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX notes_by_time ON notes (tenant_id, created_at, id);

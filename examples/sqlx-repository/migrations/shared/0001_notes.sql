-- The tables that tenants share. Queries see the tenant's rows as `notes`.
create table notes_rows (
    tenant_id text not null,
    id text not null,
    body text not null,
    stars integer not null default 0,
    primary key (tenant_id, id)
);

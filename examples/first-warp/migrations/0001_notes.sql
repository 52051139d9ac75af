create table notes_rows (tenant_id text not null, body text not null);
create index notes_of_tenants on notes_rows (tenant_id);

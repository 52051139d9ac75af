create table notes (tenant_id text not null, body text not null);
create index notes_of_tenants on notes (tenant_id);

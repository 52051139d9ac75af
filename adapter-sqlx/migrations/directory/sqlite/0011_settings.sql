-- The settings that a tenant has of its own: a JSON object that a type of the application reads. A tenant without a row has none,
-- of revision 0.
create table if not exists tenancy_settings (
    tenant text not null primary key references tenancy_tenants (id) on delete cascade,
    revision integer not null,
    document text not null
) without rowid;

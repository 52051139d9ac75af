-- The digest of the key that the tenant was created by, and the status that its creation ends in, until it has
-- ended. Both are null where the tenant was put here otherwise.
alter table tenancy_tenants add column creation_key text;
alter table tenancy_tenants add column creation_status text;

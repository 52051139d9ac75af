-- Whose name it was and may be again, where the tenant gave it up; null where the tenant was removed.
alter table tenancy_tombstones add column tenant text;

-- What a place of the tenant's data is compared with, where it is fenced: how often the data has moved, how often the status has
-- changed, and the last revision that the place is known to have. A tenant that is not served is pending until then.
alter table tenancy_tenants add column epoch integer not null default 0;
alter table tenancy_tenants add column revision integer not null default 0;
alter table tenancy_tenants add column placed_revision integer not null default 0;
update tenancy_tenants set revision = 1 where status in ('suspended', 'archived');

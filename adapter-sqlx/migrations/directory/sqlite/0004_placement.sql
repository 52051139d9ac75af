-- Where the tenant's data is; null is the strategy's default.
alter table tenancy_tenants add column placement text;

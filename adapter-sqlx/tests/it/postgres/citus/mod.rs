//! On a Citus cluster, where `TENANCY_CITUS_URL` names one: see `CONTRIBUTING.md`.

pub(crate) mod cluster;
mod row;
mod row_attacks;
mod schema;
mod schema_migrations;
mod schema_reached;
mod schema_there;

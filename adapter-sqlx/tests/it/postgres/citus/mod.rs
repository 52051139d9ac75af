//! On a Citus cluster, where `TENANCY_CITUS_URL` names one: see `CONTRIBUTING.md`.

pub(crate) mod cluster;
mod directory;
mod load;
mod recorded;
mod row;
mod row_attacks;
mod row_life;
mod row_there;
mod schema;
mod schema_migrations;
mod schema_reached;
mod schema_there;
mod serving;

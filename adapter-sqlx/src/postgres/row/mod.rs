//! The strategy `row` on PostgreSQL: rows of many tenants in shared tables, kept apart by row-level security.
//!
//! `row_tables` and what it is made of is the declaration. `policies` writes it into the catalog, `verify` proves that
//! it holds there, `adopt` turns tables without tenants into declared ones, `removal` deletes one tenant's rows.

mod adopt;
mod builder;
mod citus;
mod fence;
mod into_strategy;
mod migrate;
mod minimum;
mod opening;
mod policies;
mod rebuild;
mod removal;
mod row_tables;
mod setting_name;
mod strategy;
mod table;
mod table_grants;
mod verify;
mod view;

pub use adopt::{AdoptError, PgAdoption, PgAdoptionHazard, PgAdoptionWarning};
pub use builder::PgRowBuilder;
pub use row_tables::PgRowTables;
pub use setting_name::{ParseSettingError, PgSetting};
pub use strategy::PgRowStrategy;
pub use table::{PgTenantColumn, PgTenantTable};
pub use table_grants::PgTableGrants;
pub use verify::{PgFault, PgFinding, PgNote, PgReport, PgSeverity};
pub use view::PgTenantView;

//! Tenants on PostgreSQL: a room for each strategy, the connections that they share, and the directory.

mod attempts;
mod citus;
mod connection;
mod database;
mod directory;
mod drift;
mod execute;
mod fence;
mod identifier;
mod row;
mod schema;
mod server;
mod tenant_channel;
mod tenant_schema;
mod tenant_session;
pub(crate) mod versions;

pub use database::{FindServer, PgDatabaseBuilder, PgDatabaseStrategy, PgServers};
pub use directory::{PgChanges, PgDirectory};
pub use identifier::{ParseIdentifierError, PgIdentifier};
pub use row::{
    AdoptError, ParseSettingError, PgAdoption, PgAdoptionHazard, PgAdoptionWarning, PgFault, PgFinding, PgNote,
    PgReport, PgRowBuilder, PgRowStrategy, PgRowTables, PgSetting, PgSeverity, PgTableGrants, PgTenantColumn,
    PgTenantTable, PgTenantView,
};
pub use schema::{PgSchemaBuilder, PgSchemaStrategy};
pub use server::PgServer;
pub use tenant_channel::PgTenantChannel;
pub use tenant_schema::SchemaNameError;
pub use tenant_session::PgTenantSession;

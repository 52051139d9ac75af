//! Tenants on PostgreSQL: a room for each strategy, the connections that they share, and the directory.

mod connection;
mod database;
mod directory;
mod identifier;
mod row;
mod schema;
mod tenant_schema;

pub use database::{FindServer, PgDatabaseOptions, PgDatabaseStrategy, PgServer, PgServers};
pub use directory::{PgChanges, PgDirectory};
pub use identifier::{ParseIdentifierError, PgIdentifier};
pub use row::{
    AdoptError, ParseSettingError, PgFault, PgFinding, PgReport, PgRowOptions, PgRowStrategy, PgRowTables, PgSetting,
    PgSeverity, PgTableGrants, PgTenantColumn, PgTenantTable, PgTenantView,
};
pub use schema::{PgSchemaOptions, PgSchemaStrategy};
pub use tenant_schema::SchemaNameError;

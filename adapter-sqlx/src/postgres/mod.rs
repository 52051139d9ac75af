//! Tenants on PostgreSQL.

mod adopt;
mod changes;
mod citus;
mod commit;
mod database;
mod database_options;
mod database_provision;
mod directory;
mod identifier;
mod places;
mod pool;
mod provision;
mod row;
mod row_schema;
mod schema;
mod schema_name;
mod schema_refresh;
mod servers;
mod session;
mod session_pins;
mod sessions;
mod table;
mod verify;

pub use adopt::AdoptError;
pub use changes::PgChanges;
pub use database::PgDatabaseStrategy;
pub use database_options::PgDatabaseOptions;
pub use directory::PgDirectory;
pub use identifier::{ParseIdentifierError, PgIdentifier};
pub use row::{PgRowOptions, PgRowStrategy};
pub use row_schema::{ParseSettingError, PgRowSchema, PgSetting};
pub use schema::{PgSchemaOptions, PgSchemaStrategy};
pub use schema_name::SchemaNameError;
pub use servers::{FindServer, PgServer, PgServers};
pub use table::{PgTenantColumn, PgTenantTable};
pub use verify::{PgFault, PgFinding, PgReport, PgSeverity};

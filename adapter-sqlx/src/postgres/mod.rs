//! Tenants on PostgreSQL.

mod changes;
mod directory;
mod identifier;
mod pool;
mod row;
mod row_schema;
mod session;
mod table;

pub use changes::PgChanges;
pub use directory::PgDirectory;
pub use identifier::{ParseIdentifierError, PgIdentifier};
pub use row::{PgRowOptions, PgRowStrategy};
pub use row_schema::{ParseSettingError, PgRowSchema, PgSetting};
pub use table::{PgTenantColumn, PgTenantTable};

//! By what the administrator migrates tenants' schemas.

use sqlx::postgres::PgConnectOptions;

use crate::postgres::connection::working::WorkingPool;
use crate::postgres::tenant_schema::alike::LastTenant;

/// How the administrator migrates.
pub(super) struct Migrations {
    pub(super) working: WorkingPool,
    /// What server it is: tenants on one server are migrated so many at a time.
    pub(super) server: String,
    pub(super) last: LastTenant,
}

impl Migrations {
    pub(super) fn new(connect: PgConnectOptions) -> Self {
        Self {
            server: format!("{}:{}", connect.get_host(), connect.get_port()),
            working: WorkingPool::new(connect),
            last: LastTenant::default(),
        }
    }
}

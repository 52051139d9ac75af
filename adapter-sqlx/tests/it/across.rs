//! All tenants at once, for tests that look at what is there. Who looks is written down nowhere.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and fails where it cannot be set up"
)]

use std::convert::Infallible;

use sqlx::Database;
use tenancy_core::names::{StrategyName, Subject};
use tenancy_sqlx::{AccessLog, Attribution, TenantDb, TenantTransaction, TransactionError};

struct Unrecorded;

impl AccessLog for Unrecorded {
    type Error = Infallible;

    async fn record_access_across_tenants(&self, _: &StrategyName, _: &Attribution) -> Result<(), Infallible> {
        Ok(())
    }
}

pub(crate) trait AcrossTenants<DB: Database> {
    async fn across_tenants(&self) -> Result<TenantTransaction<DB>, TransactionError>;
}

impl<DB: Database> AcrossTenants<DB> for TenantDb<DB> {
    async fn across_tenants(&self) -> Result<TenantTransaction<DB>, TransactionError> {
        let (who, why) = (
            Subject::from_static("test"),
            "to look at what is there".parse().unwrap(),
        );
        self.dangerously_begin_across_tenants(&Unrecorded, who, why).await
    }
}

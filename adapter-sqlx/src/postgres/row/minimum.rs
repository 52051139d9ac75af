//! The least version of the shared tables with which a process serves.

use sqlx::PgConnection;

use super::builder::PgRowBuilder;
use crate::StrategyError;
use crate::postgres::versions;
use crate::strategy::minimum_version::judge_minimum;

impl PgRowBuilder {
    /// Sets the least version of the tables with which this process serves: that of the migration that this release needs. Default: none.
    ///
    /// It is looked at when the database is opened, and not in each transaction: the tables are all tenants', and their version only
    /// grows. The administrator records it; a process without the administrator does not open before that, with
    /// [`TablesBehind`](StrategyError::TablesBehind). A Citus cluster has no record of versions.
    pub const fn with_minimum_version(mut self, version: i64) -> Self {
        self.minimum_version = Some(version);
        self
    }

    pub(super) fn judge_minimum(&self) -> Result<(), StrategyError> {
        judge_minimum(self.minimum_version, self.migrations.as_deref())?;
        if self.schema.is_on_citus() && self.minimum_version.is_some() {
            return Err(versions::on_citus());
        }
        Ok(())
    }

    /// Records the version that the migrations have left the tables with, for processes that only serve. Without a minimum nobody looks.
    pub(super) async fn record_version(
        &self,
        version: Option<i64>,
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        match (self.minimum_version, version) {
            (Some(_), Some(version)) => versions::record_shared(connection, version).await,
            _ => Ok(()),
        }
    }

    /// Refuses tables that are behind, or of which no version is recorded.
    pub(super) async fn require_minimum(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        match self.minimum_version {
            Some(minimum) if !versions::have_shared(connection, minimum).await? => {
                Err(StrategyError::TablesBehind { minimum })
            }
            _ => Ok(()),
        }
    }
}

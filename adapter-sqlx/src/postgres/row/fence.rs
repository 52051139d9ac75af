//! How the database of the strategy `row` is fenced.

use sqlx::{ConnectOptions, Connection, PgConnection};
use tenancy_core::names::TenantId;

use super::builder::PgRowBuilder;
use super::policies::guard::PIN;
use crate::postgres::attempts::Attempts;
use crate::postgres::execute::execute;
use crate::postgres::fence::{install, place, standing};
use crate::transaction::begin::begin_lent;
use crate::{Place, StrategyError};

impl PgRowBuilder {
    /// Fences the database, as the administrator: it makes the schema `tenancy_fence`, with the table of places and the function by
    /// which a transaction enters, and a policy on each declared table. Doing it again does what is missing.
    ///
    /// From then on rows are seen and written by transactions that have entered. A process that was started before sees no rows
    /// until it is started again [with the fence](Self::with_fence); so turning it on is a rolling restart. Afterwards let the
    /// places follow the directory, by [`finish_pending_places`](crate::SqlDirectory::finish_pending_places).
    ///
    /// `drop schema tenancy_fence cascade` by the administrator takes the fence away.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or refuses it; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the
    /// administrator; [`LocksHeld`](StrategyError::LocksHeld) if other sessions hold locks on a declared table. On a Citus
    /// cluster, which has no fence.
    pub async fn enable_fence(&self) -> Result<(), StrategyError> {
        if self.schema.is_on_citus() {
            return Err(install::on_citus());
        }
        let administrator = self.server.administrator_for("enable the fence")?;
        let mut connection = administrator.connect().await?;
        let mut attempts = Attempts::new(self.lock_timeout);
        loop {
            let mut object = "the schema tenancy_fence".to_owned();
            match self.fence_once(&mut connection, &mut object).await {
                Ok(()) => break,
                Err(error) => attempts.again(&object, error).await?,
            }
        }
        Ok(connection.close().await?)
    }

    async fn fence_once(&self, administrator: &mut PgConnection, object: &mut String) -> Result<(), StrategyError> {
        let mut tx = begin_lent(administrator, Some("begin isolation level read committed")).await?;
        execute(&mut tx, format!("{PIN}; {}", self.lock_timeout.sql())).await?;
        install::install(&mut tx, self.schema.applications()).await?;
        self.schema.fence(&mut tx, object).await?;
        Ok(tx.commit().await?)
    }

    /// Whether the database is fenced now, whatever the configuration says.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn is_database_fenced(&self) -> Result<bool, StrategyError> {
        standing::is_database_fenced(self.plan.options_to_look(&self.server)).await
    }

    /// The places of all tenants, by their ids, as the database has them; none if it is not fenced. For operators, who compare them with
    /// the directory's records.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached; [`NeedsAdministrator`](StrategyError::NeedsAdministrator) without the administrator.
    pub async fn places(&self) -> Result<Vec<(TenantId, Place)>, StrategyError> {
        place::read_all(&self.server).await
    }
}

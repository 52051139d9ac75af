//! The one way to a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Database;
use tenancy_core::context;
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::enforce::{Admitted, Visit};

use super::entrant::Entrant;
use super::look_up_again::LookUpAgain;
use super::observation::SLOW;
use super::refused::{REPEATED_FOR, Refused};
use crate::strategy::binding::Removal;
use crate::{
    Begin, ErrorKind, Place, ProvisionError, Purpose, RemoveError, StrategyError, StrategyRegistry, TenantTransaction,
    TransactionError,
};

/// The tenants' data, whatever strategy keeps each tenant's apart. Cheap to clone.
///
/// A connection comes from a capability alone: an [`Admitted`] reads and writes, a [`Visit`] reads.
/// Without one there is none:
///
/// ```compile_fail,E0308
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_sqlx::{TenantDb, TransactionError};
/// async fn begin(db: &TenantDb<sqlx::Sqlite>, tenant: &TenantRecord) -> Result<(), TransactionError> {
///     db.begin(tenant).await?.commit().await
/// }
/// ```
///
/// ```
/// # use tenancy_core::enforce::Admitted;
/// # use tenancy_sqlx::{TenantDb, TransactionError};
/// async fn begin(db: &TenantDb<sqlx::Sqlite>, tenant: &Admitted) -> Result<(), TransactionError> {
///     db.begin(tenant).await?.commit().await
/// }
/// ```
///
/// A visitor's capability does not write:
///
/// ```compile_fail,E0308
/// # use tenancy_core::enforce::Visit;
/// # use tenancy_sqlx::{TenantDb, TransactionError};
/// async fn write(db: &TenantDb<sqlx::Sqlite>, visit: &Visit) -> Result<(), TransactionError> {
///     db.begin(visit).await?.commit().await
/// }
/// ```
///
/// ```
/// # use tenancy_core::enforce::Visit;
/// # use tenancy_sqlx::{TenantDb, TransactionError};
/// async fn read(db: &TenantDb<sqlx::Sqlite>, visit: &Visit) -> Result<(), TransactionError> {
///     db.visit(visit).await?.commit().await
/// }
/// ```
pub struct TenantDb<DB: Database> {
    pub(super) registry: Arc<StrategyRegistry<DB>>,
    pub(super) directory: Option<Arc<dyn LookUpAgain>>,
    pub(super) slow_begin: Duration,
    pub(super) refused: Arc<Refused>,
}

impl<DB: Database> TenantDb<DB> {
    /// The data that these strategies keep.
    #[must_use]
    pub fn new(registry: StrategyRegistry<DB>) -> Self {
        Self {
            registry: Arc::new(registry),
            directory: None,
            slow_begin: SLOW,
            refused: Arc::new(Refused::new(REPEATED_FOR)),
        }
    }

    /// The strategies.
    #[must_use]
    pub fn strategies(&self) -> &StrategyRegistry<DB> {
        &self.registry
    }

    /// Begins a transaction in which a member reads and writes. [`run`](Self::run) does it for work that can be repeated.
    ///
    /// A tenant that is not active is refused, as its record says that was read when the request was let in. A tenant that was
    /// suspended since is not known here, unless its place is [fenced](crate::IsolationStrategy::is_fenced). Staff of the platform whom enforcement has let into a suspended tenant
    /// ([`with_staff_in_suspended_tenants`](tenancy_core::enforce::Enforcer::with_staff_in_suspended_tenants)) work there.
    ///
    /// # Errors
    ///
    /// If the tenant is not active, or its strategy is unknown or cannot begin.
    pub async fn begin(&self, admitted: &Admitted) -> Result<TenantTransaction<DB>, TransactionError> {
        self.bind(admitted.into(), Begin::new()).await
    }

    /// Begins a transaction as `begin` says: at an isolation level, to read or to write.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin); under the stricter levels also if another transaction has won meanwhile.
    pub async fn begin_with(
        &self,
        admitted: &Admitted,
        begin: Begin,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        self.bind(admitted.into(), begin).await
    }

    /// Begins a transaction in which a member reads. The database refuses writes.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn begin_read(&self, admitted: &Admitted) -> Result<TenantTransaction<DB>, TransactionError> {
        self.bind(admitted.into(), Begin::new().read_only()).await
    }

    /// Begins a transaction of the tenant that the running task is bound to.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin), and outside a member's scope.
    pub async fn begin_current(&self) -> Result<TenantTransaction<DB>, TransactionError> {
        self.begin(&context::current()?).await
    }

    /// Begins a transaction that reads from the tenant that the running task is bound to.
    ///
    /// # Errors
    ///
    /// As [`begin_read`](Self::begin_read), and outside a member's scope.
    pub async fn begin_read_current(&self) -> Result<TenantTransaction<DB>, TransactionError> {
        self.begin_read(&context::current()?).await
    }

    /// Begins a transaction in which a visitor reads. The database refuses writes.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn visit(&self, visit: &Visit) -> Result<TenantTransaction<DB>, TransactionError> {
        self.bind(visit.into(), Begin::new().read_only()).await
    }

    /// Begins a transaction that reads from the tenant that the running task visits.
    ///
    /// # Errors
    ///
    /// As [`visit`](Self::visit), and outside a scope.
    pub async fn visit_current(&self) -> Result<TenantTransaction<DB>, TransactionError> {
        self.visit(&context::current_visit()?).await
    }

    /// Begins a transaction of a tenant whatever its status is: to fill its tables before it is active, or to read out
    /// its data before it is removed.
    ///
    /// # Security
    ///
    /// Every other transaction refuses a tenant that is suspended, archived or still provisioned. Never serve a request
    /// from this one.
    ///
    /// # Errors
    ///
    /// If the tenant's strategy is unknown or cannot begin.
    pub async fn dangerously_begin_in_any_status(
        &self,
        admitted: &Admitted,
    ) -> Result<TenantTransaction<DB>, TransactionError> {
        let begin = Entrant::from(admitted).narrow(Begin::new());
        self.bind_unjudged(admitted.tenant(), begin, Purpose::Administer).await
    }

    /// Whether the tenant's strategy is registered and can hold the tenant, as far as that can be known without
    /// changing anything. A directory asks this before it writes a new tenant.
    ///
    /// # Errors
    ///
    /// If the tenant's strategy is unknown, or [refuses](crate::IsolationStrategy::check) the tenant.
    pub async fn check(&self, tenant: &TenantRecord) -> Result<(), ProvisionError> {
        let unknown = |source| ProvisionError::UnknownStrategy {
            tenant: tenant.id.clone(),
            source,
        };
        let checked = self.registry.find(&tenant.strategy).map_err(unknown)?.check(tenant);
        checked.await.map_err(|source| ProvisionError::Strategy {
            tenant: tenant.id.clone(),
            source,
        })
    }

    /// Makes what the tenant needs before it is active: its file, its tables. Doing it again
    /// changes nothing, but runs migrations that are new.
    ///
    /// # Errors
    ///
    /// If the tenant's strategy is unknown or cannot create it.
    pub async fn provision(&self, tenant: &TenantRecord) -> Result<(), ProvisionError> {
        let strategy = self
            .registry
            .find(&tenant.strategy)
            .map_err(|source| ProvisionError::UnknownStrategy {
                tenant: tenant.id.clone(),
                source,
            })?;
        strategy
            .provision(tenant)
            .await
            .map_err(|source| ProvisionError::Strategy {
                tenant: tenant.id.clone(),
                source,
            })
    }

    /// Removes a tenant's data: its rows, its schema or its database. Doing it again changes nothing.
    ///
    /// The tenant's record must be archived, so that no request is let in any more: removal is two calls, and
    /// the directory's [`remove`](crate::NewTenant#removal) is the third. Wait between the first two as long as
    /// your caches and your longest request live.
    ///
    /// # Security
    ///
    /// There is no way back.
    ///
    /// # Errors
    ///
    /// If the record is not archived, or its strategy is unknown or cannot remove it.
    pub async fn dangerously_remove(&self, tenant: &TenantRecord) -> Result<(), RemoveError> {
        if tenant.status != TenantStatus::Archived {
            return Err(RemoveError::NotArchived {
                tenant: tenant.id.clone(),
                status: tenant.status,
            });
        }
        let strategy = self
            .registry
            .find(&tenant.strategy)
            .map_err(|source| RemoveError::UnknownStrategy {
                tenant: tenant.id.clone(),
                source,
            })?;
        let removed = strategy.remove(Removal::new(tenant)).await;
        removed.map_err(|source| RemoveError::Strategy {
            tenant: tenant.id.clone(),
            source,
        })
    }

    /// The tenant's place, as its fenced database has it; `None` if it has none yet, or its strategy is not fenced.
    ///
    /// A place of a greater revision or epoch than the directory's record is a finding: one of them was restored from a backup.
    ///
    /// # Errors
    ///
    /// If the tenant's strategy is unknown, or its database cannot be reached.
    pub async fn place(&self, tenant: &TenantRecord) -> Result<Option<Place>, StrategyError> {
        let strategy = self.registry.find(&tenant.strategy).map_err(StrategyError::other)?;
        if !strategy.is_fenced() {
            return Ok(None);
        }
        strategy.place(tenant).await
    }

    /// Whether no transaction of the tenant begins since its data is [behind](crate::ErrorKind::Updating) the version that the
    /// service needs. For connections that outlast a request, as `with_data_check` of `tenancy-http` asks it.
    ///
    /// It begins a transaction that reads, and ends it. Where the tenant's strategy has no minimum, nothing is sent. If that
    /// fails for another reason the answer is no: the next transaction meets it.
    pub async fn is_behind(&self, visit: &Visit) -> bool {
        let strategy = self.registry.find(&visit.tenant().strategy);
        if !strategy.is_ok_and(|strategy| strategy.has_minimum_version()) {
            return false;
        }
        let ended = match self.visit(visit).await {
            Ok(transaction) => transaction.rollback().await,
            Err(error) => Err(error),
        };
        ended.is_err_and(|error| ErrorKind::of(&error) == ErrorKind::Updating)
    }

    /// Replaces each connection of every strategy before it is used again. Call it where another process has changed
    /// tables that this one has queried; [`run`](Self::run) does it by itself.
    ///
    /// On PostgreSQL a connection that has a statement prepared refuses it for ever once its columns have changed
    /// ("cached plan must not change result type", `0A000`). On SQLite nothing has to be replaced.
    pub fn refresh(&self) {
        for strategy in self.registry.iter() {
            strategy.refresh();
        }
    }

    pub(crate) fn refresh_strategy(&self, tenant: &TenantRecord) {
        if let Ok(strategy) = self.registry.find(&tenant.strategy) {
            strategy.refresh();
        }
    }

    /// Closes all strategies, once the transactions that are under way have ended.
    pub async fn close(&self) {
        for strategy in self.registry.iter() {
            strategy.close().await;
        }
    }
}

impl<DB: Database> Clone for TenantDb<DB> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            directory: self.directory.clone(),
            slow_begin: self.slow_begin,
            refused: Arc::clone(&self.refused),
        }
    }
}

impl<DB: Database> fmt::Debug for TenantDb<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantDb").field("strategies", &self.registry).finish()
    }
}

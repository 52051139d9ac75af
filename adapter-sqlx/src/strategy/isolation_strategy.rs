//! How a tenant's data is kept apart.

use std::future::Future;
use std::pin::Pin;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use crate::{StrategyError, StrategyTransaction};

/// What a strategy's operations return. Boxed, so that a registry can hold strategies of any type.
pub type StrategyFuture<'f, T> = Pin<Box<dyn Future<Output = Result<T, StrategyError>> + Send + 'f>>;

/// A way to keep tenants' data apart: rows of one table, a schema each, a database each.
///
/// Strategies of your own take part on equal terms: implement this, give it a name, register it.
///
/// # Security
///
/// A strategy is trusted. What it must hold is that nothing of another tenant can be read or
/// written in a transaction that it hands out, and that none of its state outlives the transaction
/// on a pooled connection: not after an error, a panic or a dropped future.
pub trait IsolationStrategy<DB: Database>: Send + Sync + 'static {
    /// The name by which tenants' records choose this strategy.
    fn name(&self) -> StrategyName;

    /// Begins a transaction that can see one tenant only.
    ///
    /// # Errors
    ///
    /// Where the tenant's database is missing or cannot be reached.
    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<DB>>;

    /// Whether the strategy can hold the tenant, as far as that can be known without changing anything: its id can be
    /// a name or a value, and its placement is known. Creation asks this before it writes the directory, so that an
    /// id is not taken by a tenant that can never be provisioned.
    ///
    /// # Errors
    ///
    /// What [`provision`](Self::provision) would refuse the tenant for. The default refuses nothing.
    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        let _ = tenant;
        Box::pin(async { Ok(()) })
    }

    /// Makes what the tenant needs before it is active. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be made. Nothing half-made is served afterwards.
    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()>;

    /// Begins a transaction that sees every tenant, where the strategy keeps them in one place.
    ///
    /// # Errors
    ///
    /// [`StrategyError::Unsupported`], unless the strategy says otherwise.
    fn begin_across_tenants<'f>(&'f self, permit: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<DB>> {
        let _ = permit;
        Box::pin(async {
            Err(StrategyError::Unsupported {
                strategy: self.name(),
                operation: "transactions across tenants",
            })
        })
    }

    /// Removes the tenant's data, all of it. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`StrategyError::Unsupported`], unless the strategy says otherwise.
    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        let _ = removal;
        Box::pin(async {
            Err(StrategyError::Unsupported {
                strategy: self.name(),
                operation: "removal of a tenant's data",
            })
        })
    }

    /// Replaces each connection before it is used again, since tables have changed that statements are prepared for.
    ///
    /// [`TenantDb::run`](crate::TenantDb::run) calls it where a connection can run a prepared statement no more. The
    /// default does nothing: right for a database that prepares such statements anew by itself.
    fn refresh(&self) {}

    /// Closes all connections, once the transactions that hold them have ended.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Read and write.
    ReadWrite,
    /// Read. The database refuses writes.
    ReadOnly,
}

/// A tenant, and what may be done to its data.
///
/// Only [`TenantDb`](crate::TenantDb) makes one, from a capability. So a strategy's `begin` cannot
/// be called around it:
///
/// ```compile_fail,E0624
/// # use tenancy_core::directory::TenantRecord;
/// # use tenancy_sqlx::{Binding, Mode};
/// fn forge(tenant: &TenantRecord) -> Binding<'_> {
///     Binding::new(tenant, Mode::ReadWrite)
/// }
/// ```
///
/// A strategy reads one, and may pass it on to another strategy:
///
/// ```
/// # use tenancy_core::names::TenantId;
/// # use tenancy_sqlx::Binding;
/// fn tenant<'t>(binding: Binding<'t>) -> &'t TenantId {
///     binding.id()
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Binding<'t> {
    tenant: &'t TenantRecord,
    mode: Mode,
}

impl<'t> Binding<'t> {
    pub(crate) const fn new(tenant: &'t TenantRecord, mode: Mode) -> Self {
        Self { tenant, mode }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &'t TenantRecord {
        self.tenant
    }

    /// The tenant's id.
    #[must_use]
    pub const fn id(&self) -> &'t TenantId {
        &self.tenant.id
    }

    /// What the transaction may do.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

/// The permit for [`IsolationStrategy::remove`]. Only
/// [`TenantDb::dangerously_remove`](crate::TenantDb::dangerously_remove) makes one, of an archived tenant.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'t>(&'t TenantRecord);

impl<'t> Removal<'t> {
    pub(crate) const fn new(tenant: &'t TenantRecord) -> Self {
        Self(tenant)
    }

    /// The tenant whose data is to go.
    #[must_use]
    pub const fn id(self) -> &'t TenantId {
        &self.0.id
    }

    /// The tenant's record.
    #[must_use]
    pub const fn tenant(self) -> &'t TenantRecord {
        self.0
    }
}

/// The permit for [`IsolationStrategy::begin_across_tenants`]. Only
/// [`TenantDb::dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants)
/// makes one.
#[derive(Debug)]
pub struct AcrossTenants(());

impl AcrossTenants {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

//! Whether a tenant's data can be worked on, before a job begins.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::Database;
use tenancy_core::directory::Directory;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{ErrorKind, TenantDb};

use super::finish::chain;
use crate::Gate;
use crate::gate::{LooksAtData, NotReady};

impl<D: Directory> Gate<D> {
    /// Has jobs wait, without an attempt, while no transaction of their tenant begins: while its data is behind the
    /// [minimum version](tenancy_sqlx::ErrorKind::Updating) that the worker's strategies are built with, is being moved, or
    /// cannot be reached.
    ///
    /// `db` is that of the work. It begins a transaction that reads, and ends it, before each job. Without it, and if the
    /// tenant falls behind in between, the worker finds it out by the error of the work.
    #[must_use]
    pub fn with_db<DB: Database>(self, db: TenantDb<DB>) -> Self {
        self.with_look(ByTransaction(db))
    }
}

struct ByTransaction<DB: Database>(TenantDb<DB>);

impl<DB: Database> LooksAtData for ByTransaction<DB> {
    fn look<'l>(&'l self, admitted: &'l Admitted) -> BoxFuture<'l, Result<(), NotReady>> {
        async move {
            let begun = self.0.begin_read(admitted).await;
            let ended = match begun {
                Ok(transaction) => transaction.rollback().await,
                Err(error) => Err(error),
            };
            ended.map_err(|error| match ErrorKind::of(&error) {
                ErrorKind::Updating => NotReady::Behind,
                _ => NotReady::NoTransaction(chain(&error)),
            })
        }
        .boxed()
    }
}

//! A fenced strategy that did not open, for commands that change the directory even so.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use sqlx::Database;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;
use tenancy_sqlx::{
    Binding, IsolationStrategy, Place, PlaceChange, StrategyError, StrategyFuture, StrategyRegistry,
    StrategyTransaction,
};

use super::error::{OpenFailure, chain};

/// It is fenced, and each of its operations fails by why it did not open: nothing is taken for done.
struct Unopened {
    name: StrategyName,
    why: String,
}

impl Unopened {
    fn refuse<'f, T: Send + 'f>(&self) -> StrategyFuture<'f, T> {
        Box::pin(ready(Err(StrategyError::other(self.why.clone()))))
    }
}

impl<DB: Database> IsolationStrategy<DB> for Unopened {
    fn name(&self) -> StrategyName {
        self.name.clone()
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<DB>> {
        self.refuse()
    }

    fn provision<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        self.refuse()
    }

    fn is_fenced(&self) -> bool {
        true
    }

    fn place<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        self.refuse()
    }

    fn change_place<'f>(&'f self, _: &'f TenantRecord, _: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        self.refuse()
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

/// Registers what stands in for each strategy that did not open, and returns the other failures.
pub(super) fn unopened<DB: Database>(
    failures: Vec<OpenFailure>,
    registry: &mut StrategyRegistry<DB>,
) -> Vec<OpenFailure> {
    let mut others = Vec::new();
    for failure in failures {
        let name = failure.key().strip_prefix("strategies.");
        let name = name.and_then(|name| name.parse::<StrategyName>().ok());
        let why = match failure.advice() {
            Some(advice) => format!("{}: {advice}", chain(failure.error())),
            None => chain(failure.error()),
        };
        match name.map(|name| registry.register(Arc::new(Unopened { name, why }))) {
            Some(Ok(())) => {}
            _ => others.push(failure),
        }
    }
    others
}

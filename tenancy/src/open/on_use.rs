//! A strategy that is opened when it is first used, for commands that change the directory and one tenant's place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::StrategyName;
use tenancy_sqlx::{
    Binding, DirectoryDatabase, IsolationStrategy, Place, PlaceChange, StrategyError, StrategyFuture,
    StrategyTransaction,
};
use tokio::sync::Mutex;

use super::database::{Opener, Opening};
use super::error::{OpenFailure, chain};

/// It is fenced. If it does not open, each of its operations fails by why: nothing is taken for done.
pub(super) struct OnUse<DB: DirectoryDatabase> {
    name: &'static str,
    state: Mutex<State<DB>>,
}

enum State<DB: DirectoryDatabase> {
    /// It goes on where a caller was dropped that waited for it.
    Opening(Opening<DB>),
    Opened(Arc<dyn IsolationStrategy<DB>>),
    /// Why it did not open. It is not tried again: a command that leads a thousand tenants would wait for the server each time.
    Refused(String),
}

impl<DB: DirectoryDatabase> OnUse<DB> {
    pub(super) fn new(opener: Opener<DB>) -> Self {
        Self {
            name: opener.name,
            state: Mutex::new(State::Opening(opener.open)),
        }
    }

    async fn opened(&self) -> Result<Arc<dyn IsolationStrategy<DB>>, StrategyError> {
        let mut state = self.state.lock().await;
        let opened = match &mut *state {
            State::Opening(opening) => opening.await,
            State::Opened(strategy) => return Ok(Arc::clone(strategy)),
            State::Refused(why) => return Err(StrategyError::other(why.clone())),
        };
        match opened {
            Ok(strategy) => {
                *state = State::Opened(Arc::clone(&strategy));
                Ok(strategy)
            }
            Err(error) => {
                let why = self.why(error);
                *state = State::Refused(why.clone());
                Err(StrategyError::other(why))
            }
        }
    }

    fn why(&self, error: StrategyError) -> String {
        let failure = OpenFailure::new(format!("strategies.{}", self.name), error);
        let why = chain(failure.error());
        match failure.advice() {
            Some(advice) => format!("{why}: {advice}"),
            None => why,
        }
    }
}

impl<DB: DirectoryDatabase> IsolationStrategy<DB> for OnUse<DB> {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(self.name)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<DB>> {
        Box::pin(async move { self.opened().await?.begin(binding).await })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async { self.opened().await?.provision(tenant).await })
    }

    fn is_fenced(&self) -> bool {
        true
    }

    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async { self.opened().await?.place(tenant).await })
    }

    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async move { self.opened().await?.change_place(tenant, change).await })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let State::Opened(strategy) = &*self.state.lock().await {
                strategy.close().await;
            }
        })
    }
}

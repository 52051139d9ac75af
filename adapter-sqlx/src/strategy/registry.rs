//! The strategies that tenants' records can name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sqlx::Database;
use tenancy_core::names::StrategyName;
use thiserror::Error;

use super::unknown_strategy::UnknownStrategy;
use crate::IsolationStrategy;

/// The strategies by name. A tenant's record says which one is the tenant's.
pub struct StrategyRegistry<DB: Database> {
    strategies: BTreeMap<StrategyName, Arc<dyn IsolationStrategy<DB>>>,
}

impl<DB: Database> StrategyRegistry<DB> {
    /// A registry without strategies.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            strategies: BTreeMap::new(),
        }
    }

    /// Registers a strategy under its name.
    ///
    /// # Errors
    ///
    /// If the name is taken, or this kind of database cannot do what the name promises.
    pub fn with(mut self, strategy: impl IsolationStrategy<DB>) -> Result<Self, RegisterError> {
        self.register(Arc::new(strategy))?;
        Ok(self)
    }

    /// Registers a strategy that is shared already.
    ///
    /// # Errors
    ///
    /// If the name is taken, or this kind of database cannot do what the name promises.
    pub fn register(&mut self, strategy: Arc<dyn IsolationStrategy<DB>>) -> Result<(), RegisterError> {
        let name = strategy.name();
        if lacks_schemas::<DB>(&name) {
            return Err(RegisterError::NeedsPostgres { name });
        }
        if self.strategies.contains_key(&name) {
            return Err(RegisterError::Duplicate { name });
        }
        self.strategies.insert(name, strategy);
        Ok(())
    }

    /// The strategy of that name.
    ///
    /// # Errors
    ///
    /// If there is none. The error lists the registered ones.
    pub fn find(&self, name: &StrategyName) -> Result<&Arc<dyn IsolationStrategy<DB>>, UnknownStrategy> {
        self.strategies.get(name).ok_or_else(|| {
            let registered = self.names().cloned().collect();
            UnknownStrategy::new(name.clone(), registered, lacks_schemas::<DB>(name))
        })
    }

    /// The registered names, in order.
    pub fn names(&self) -> impl Iterator<Item = &StrategyName> {
        self.strategies.keys()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn IsolationStrategy<DB>>> {
        self.strategies.values()
    }
}

impl<DB: Database> Default for StrategyRegistry<DB> {
    fn default() -> Self {
        Self::new()
    }
}

impl<DB: Database> fmt::Debug for StrategyRegistry<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// `schema` is the name of a promise that only PostgreSQL can keep.
fn lacks_schemas<DB: Database>(name: &StrategyName) -> bool {
    *name == "schema" && DB::NAME != "PostgreSQL"
}

/// Why a strategy could not be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Two strategies of one name.
    #[error("the strategy `{name}` is registered already")]
    Duplicate {
        /// The name.
        name: StrategyName,
    },
    /// The strategy `schema` on a database without schemas.
    #[error("the strategy `{name}` needs PostgreSQL: this database has no schemas")]
    NeedsPostgres {
        /// The name.
        name: StrategyName,
    },
}

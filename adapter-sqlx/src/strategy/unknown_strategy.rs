//! A strategy that a record names and the registry does not have.

use std::fmt;

use tenancy_core::names::StrategyName;

/// A strategy that is not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStrategy {
    name: StrategyName,
    registered: Vec<StrategyName>,
    needs_postgres: bool,
}

impl UnknownStrategy {
    pub(super) const fn new(name: StrategyName, registered: Vec<StrategyName>, needs_postgres: bool) -> Self {
        Self {
            name,
            registered,
            needs_postgres,
        }
    }

    /// The name that was looked up.
    #[must_use]
    pub const fn name(&self) -> &StrategyName {
        &self.name
    }

    /// The names that are registered.
    #[must_use]
    pub fn registered(&self) -> &[StrategyName] {
        &self.registered
    }
}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.needs_postgres {
            write!(
                f,
                "the strategy `{}` needs PostgreSQL: this database has no schemas",
                self.name
            )?;
        } else {
            write!(f, "no strategy `{}` is registered", self.name)?;
        }
        match self.registered.split_first() {
            None => f.write_str(", and no other is"),
            Some((first, others)) => {
                write!(f, "; registered are `{first}`")?;
                others.iter().try_for_each(|name| write!(f, ", `{name}`"))
            }
        }
    }
}

impl std::error::Error for UnknownStrategy {}

//! A tenant's life: its states, and what leads from one to the next.
//!
//! | from | verb | to |
//! |---|---|---|
//! | provisioning | [`Complete`](Verb::Complete) | active |
//! | active | [`Suspend`](Verb::Suspend) | suspended |
//! | suspended | [`Activate`](Verb::Activate) | active |
//! | provisioning, active, suspended | [`Archive`](Verb::Archive) | archived |
//! | archived | [`Restore`](Verb::Restore) | suspended |
//! | archived | [`Delete`](Verb::Delete) | removed |
//!
//! A verb whose end is reached already changes nothing, and is no fault: a command that was interrupted is given again.
//! Everything else is an [`IllegalTransition`]. A tenant that is restored is suspended, so that a person looks at it before
//! it is served again.
//!
//! These are pure functions. A directory applies them inside the transaction that changes the tenant:
//!
//! ```
//! use tenancy_core::directory::TenantStatus;
//! use tenancy_core::lifecycle::{Next, Stage, Verb};
//!
//! let stage = Stage::from(TenantStatus::Active);
//! assert_eq!(Verb::Suspend.apply(stage), Ok(Next::Becomes(Stage::Suspended)));
//! assert_eq!(Verb::Suspend.apply(Stage::Suspended), Ok(Next::Unchanged));
//! let refused = Verb::Activate.apply(Stage::Archived).unwrap_err();
//! assert_eq!(refused.to_string(), "an archived tenant cannot be activated; restore it first");
//! ```

use core::fmt;

use crate::directory::TenantStatus;

/// Where a tenant is in its life. The first four are its [`TenantStatus`]; of a removed one only its names are left, so that
/// nobody else is given them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Its schema, database or rows are being created.
    Provisioning,
    /// It is served.
    Active,
    /// It is not served for now.
    Suspended,
    /// It is no longer served, and its data has not been removed yet.
    Archived,
    /// Its data is removed.
    Removed,
}

impl Stage {
    /// All stages, in the order of a life.
    pub const ALL: [Self; 5] = [
        Self::Provisioning,
        Self::Active,
        Self::Suspended,
        Self::Archived,
        Self::Removed,
    ];

    /// The status that a directory stores; `None` if there is no tenant any more.
    #[must_use]
    pub const fn status(self) -> Option<TenantStatus> {
        match self {
            Self::Provisioning => Some(TenantStatus::Provisioning),
            Self::Active => Some(TenantStatus::Active),
            Self::Suspended => Some(TenantStatus::Suspended),
            Self::Archived => Some(TenantStatus::Archived),
            Self::Removed => None,
        }
    }

    /// The stage as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.status() {
            Some(status) => status.as_str(),
            None => "removed",
        }
    }
}

impl From<TenantStatus> for Stage {
    fn from(status: TenantStatus) -> Self {
        match status {
            TenantStatus::Provisioning => Self::Provisioning,
            TenantStatus::Active => Self::Active,
            TenantStatus::Suspended => Self::Suspended,
            TenantStatus::Archived => Self::Archived,
        }
    }
}

/// What is done to a tenant. See the [module](self) for what leads where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Ends its creation, once its place is made.
    Complete,
    /// Stops serving it for now.
    Suspend,
    /// Serves it again.
    Activate,
    /// Ends its service. Its data stays until it is deleted.
    Archive,
    /// Takes an archived tenant back. It is suspended then.
    Restore,
    /// Removes its data and its entry, once the grace after its archiving is over.
    Delete,
}

/// What a verb does to a tenant in a given stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Nothing: the tenant is where the verb leads.
    Unchanged,
    /// The tenant is in that stage from now on.
    Becomes(Stage),
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 6] = [
        Self::Complete,
        Self::Suspend,
        Self::Activate,
        Self::Archive,
        Self::Restore,
        Self::Delete,
    ];

    /// Where the verb leads.
    #[must_use]
    pub const fn target(self) -> Stage {
        match self {
            Self::Complete | Self::Activate => Stage::Active,
            Self::Suspend | Self::Restore => Stage::Suspended,
            Self::Archive => Stage::Archived,
            Self::Delete => Stage::Removed,
        }
    }

    /// What the verb does to a tenant in this stage.
    ///
    /// # Errors
    ///
    /// If it does not lead away from there.
    pub const fn apply(self, from: Stage) -> Result<Next, IllegalTransition> {
        let to = self.target();
        match (self, from) {
            (Self::Complete, Stage::Provisioning)
            | (Self::Suspend, Stage::Active)
            | (Self::Activate, Stage::Suspended)
            | (Self::Archive, Stage::Provisioning | Stage::Active | Stage::Suspended)
            | (Self::Restore | Self::Delete, Stage::Archived) => Ok(Next::Becomes(to)),
            (Self::Complete | Self::Activate, Stage::Active)
            | (Self::Suspend | Self::Restore, Stage::Suspended)
            | (Self::Archive, Stage::Archived)
            | (Self::Delete, Stage::Removed) => Ok(Next::Unchanged),
            _ => Err(IllegalTransition { from, verb: self }),
        }
    }

    /// The verb that leads a tenant from one status to another, for a caller who says where the tenant is to be. `None` if
    /// it is there already.
    ///
    /// # Errors
    ///
    /// If no single verb leads there.
    pub const fn between(from: TenantStatus, to: TenantStatus) -> Result<Option<Self>, IllegalTransition> {
        use TenantStatus::{Active, Archived, Provisioning, Suspended};
        let verb = match (from, to) {
            (Provisioning, Provisioning) | (Active, Active) | (Suspended, Suspended) | (Archived, Archived) => {
                return Ok(None);
            }
            (Provisioning, Active) => Self::Complete,
            (Active, Suspended) => Self::Suspend,
            (Suspended, Active) => Self::Activate,
            (_, Archived) => Self::Archive,
            (Archived, Suspended) => Self::Restore,
            (Provisioning, Suspended) => return Err(IllegalTransition::new(from, Self::Suspend)),
            (Archived, Active) => return Err(IllegalTransition::new(from, Self::Activate)),
            // Nothing leads back to the beginning.
            (Active | Suspended | Archived, Provisioning) => return Err(IllegalTransition::new(from, Self::Complete)),
        };
        Ok(Some(verb))
    }

    const fn participle(self) -> &'static str {
        match self {
            Self::Complete => "completed",
            Self::Suspend => "suspended",
            Self::Activate => "activated",
            Self::Archive => "archived",
            Self::Restore => "restored",
            Self::Delete => "deleted",
        }
    }
}

/// A verb that does not lead away from the stage that the tenant is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    from: Stage,
    verb: Verb,
}

impl IllegalTransition {
    const fn new(from: TenantStatus, verb: Verb) -> Self {
        let from = match from {
            TenantStatus::Provisioning => Stage::Provisioning,
            TenantStatus::Active => Stage::Active,
            TenantStatus::Suspended => Stage::Suspended,
            TenantStatus::Archived => Stage::Archived,
        };
        Self { from, verb }
    }

    /// The stage that the tenant is in.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.from
    }

    /// What was asked for.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// What to do first, where that would help.
    const fn advice(&self) -> &'static str {
        match (self.from, self.verb) {
            (Stage::Provisioning, Verb::Suspend | Verb::Activate) => "; complete its creation first",
            (Stage::Archived, Verb::Activate) => "; restore it first",
            (Stage::Active | Stage::Suspended | Stage::Provisioning, Verb::Delete) => "; archive it first",
            _ => "",
        }
    }
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = match self.from {
            Stage::Active | Stage::Archived => "an",
            _ => "a",
        };
        let (from, verb) = (self.from.as_str(), self.verb.participle());
        write!(f, "{article} {from} tenant cannot be {verb}{}", self.advice())
    }
}

impl core::error::Error for IllegalTransition {}

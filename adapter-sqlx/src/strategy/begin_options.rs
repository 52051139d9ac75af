//! How a transaction begins, as its caller chooses.

/// What a transaction may do.
///
/// Modes may be added. A strategy of your own must refuse one that it does not know, and never treat it as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Read and write.
    ReadWrite,
    /// Read. The database refuses writes.
    ReadOnly,
}

/// How a transaction begins: what it may do, and how far it sees other transactions.
///
/// The level stands here, and not in a statement of the transaction's own, because on PostgreSQL a level can only be set before
/// the first query, and beginning is a query already where the tenant's place is [fenced](crate::IsolationStrategy::is_fenced), and
/// where the transaction reads alone: its snapshot is what keeps it so.
///
/// ```no_run
/// use tenancy_core::enforce::Admitted;
/// use tenancy_sqlx::{Begin, IsolationLevel, TenantDb, TransactionError};
///
/// # async fn example(db: &TenantDb<sqlx::Sqlite>, member: &Admitted) -> Result<(), TransactionError> {
/// let begin = Begin::new().isolation(IsolationLevel::RepeatableRead).read_only();
/// let mut tx = db.begin_with(member, begin).await?;
/// # tx.commit().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Begin {
    mode: Mode,
    isolation: Option<IsolationLevel>,
}

impl Begin {
    /// A transaction that reads and writes, at the database's own default level.
    pub const fn new() -> Self {
        Self::of(Mode::ReadWrite)
    }

    pub(crate) const fn of(mode: Mode) -> Self {
        Self { mode, isolation: None }
    }

    /// Sets the isolation level.
    #[doc(alias = "transaction isolation")]
    pub const fn isolation(self, level: IsolationLevel) -> Self {
        Self {
            isolation: Some(level),
            ..self
        }
    }

    /// Lets the transaction read alone. The database refuses writes.
    pub const fn read_only(self) -> Self {
        Self {
            mode: Mode::ReadOnly,
            ..self
        }
    }

    pub(crate) const fn mode(self) -> Mode {
        self.mode
    }

    pub(crate) const fn isolation_level(self) -> Option<IsolationLevel> {
        self.isolation
    }
}

impl Default for Begin {
    fn default() -> Self {
        Self::new()
    }
}

/// How far a transaction sees what others commit meanwhile. SQLite knows the strictest alone, and all of its transactions have it.
///
/// Under the two stricter ones a transaction may fail because another has committed first (`40001`), also while it begins:
/// [`TenantDb::run_with`](crate::TenantDb::run_with) runs it once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IsolationLevel {
    /// Each statement sees what is committed when it begins.
    ReadCommitted,
    /// All statements see what was committed when the transaction began.
    RepeatableRead,
    /// Transactions are as if each had run alone.
    Serializable,
}

impl IsolationLevel {
    /// The level as SQL spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }
}

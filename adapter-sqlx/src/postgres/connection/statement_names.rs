//! The names of prepared statements, where a session outlives its connection.

use sqlx::PgConnection;

/// What becomes of the names that sqlx gives to statements.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) enum StatementNames {
    /// The session ends with its connection.
    Kept,
    /// A pooler lends a session for one transaction, and lends it on: another process that connects through it gives its statements
    /// the same names, which are taken then (42P05).
    Forgotten,
}

impl StatementNames {
    /// How a transaction begins in which statements are named.
    pub(in crate::postgres) const fn begin(self) -> Option<&'static str> {
        match self {
            Self::Kept => None,
            Self::Forgotten => Some("begin; deallocate all"),
        }
    }

    /// The last that such a transaction does.
    pub(in crate::postgres) async fn forget(self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        match self {
            Self::Kept => Ok(()),
            Self::Forgotten => sqlx::raw_sql("deallocate all").execute(tx).await.map(drop),
        }
    }
}

//! Notes in the database: SQL without a word about tenants.

use serde::Serialize;
use sqlx::{FromRow, Postgres, Sqlite};
use tenancy_sqlx::{TenantDb, TransactionError};
use uuid::Uuid;

/// The notes of whatever tenant is in scope.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Sqlite(TenantDb<Sqlite>),
    Postgres(TenantDb<Postgres>),
}

/// A note.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct Note {
    id: String,
    body: String,
}

/// Why notes cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("failed to reach the tenant's data")]
    Transaction(#[from] TransactionError),
    #[error("failed to query the tenant's data")]
    Query(#[from] sqlx::Error),
}

/// Runs the same code on whichever database it is.
macro_rules! on {
    ($store:expr, $db:ident => $code:expr) => {
        match $store {
            Store::Sqlite($db) => $code,
            Store::Postgres($db) => $code,
        }
    };
}

impl Store {
    /// The oldest thousand.
    pub(crate) async fn list(&self) -> Result<Vec<Note>, StoreError> {
        let sql = "SELECT id, body FROM notes ORDER BY created_at, id LIMIT 1000";
        on!(self, db => {
            db.run_read_current(async |tx| Ok(sqlx::query_as(sql).fetch_all(&mut **tx).await?)).await
        })
    }

    pub(crate) async fn create(&self, body: String) -> Result<Note, StoreError> {
        let note = Note {
            id: Uuid::new_v4().to_string(),
            body,
        };
        let sql = "INSERT INTO notes (id, body) VALUES ($1, $2)";
        on!(self, db => {
            let insert = db.run_current(async |tx| {
                sqlx::query(sql).bind(&note.id).bind(&note.body).execute(&mut **tx).await?;
                Ok::<_, StoreError>(())
            });
            insert.await?;
        });
        Ok(note)
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Option<Note>, StoreError> {
        let sql = "SELECT id, body FROM notes WHERE id = $1";
        on!(self, db => {
            db.run_read_current(async |tx| Ok(sqlx::query_as(sql).bind(id).fetch_optional(&mut **tx).await?)).await
        })
    }

    pub(crate) async fn update(&self, id: &str, body: String) -> Result<Option<Note>, StoreError> {
        let sql = "UPDATE notes SET body = $1 WHERE id = $2 RETURNING id, body";
        on!(self, db => {
            let update = db.run_current(async |tx| {
                Ok(sqlx::query_as(sql).bind(&body).bind(id).fetch_optional(&mut **tx).await?)
            });
            update.await
        })
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM notes WHERE id = $1 RETURNING id";
        on!(self, db => {
            let delete = db.run_current(async |tx| {
                let deleted = sqlx::query(sql).bind(id).fetch_optional(&mut **tx).await?;
                Ok(deleted.is_some())
            });
            delete.await
        })
    }

    pub(crate) async fn close(&self) {
        on!(self, db => db.close().await);
    }
}

//! Notes in the database: SQL without a word about tenants.

use serde::Serialize;
use sqlx::{FromRow, Sqlite};
use tenancy_sqlx::{TenantDb, TransactionError};
use uuid::Uuid;

/// The notes of whatever tenant is in scope.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: TenantDb<Sqlite>,
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
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    #[error("ask the tenant's database")]
    Query(#[from] sqlx::Error),
}

impl Store {
    pub(crate) const fn new(db: TenantDb<Sqlite>) -> Self {
        Self { db }
    }

    /// The oldest thousand.
    pub(crate) async fn list(&self) -> Result<Vec<Note>, StoreError> {
        let mut tx = self.db.begin_read_current().await?;
        Ok(
            sqlx::query_as("SELECT id, body FROM notes ORDER BY created_at, id LIMIT 1000")
                .fetch_all(&mut *tx)
                .await?,
        )
    }

    pub(crate) async fn create(&self, body: String) -> Result<Note, StoreError> {
        let note = Note {
            id: Uuid::new_v4().to_string(),
            body,
        };
        let mut tx = self.db.begin_current().await?;
        sqlx::query("INSERT INTO notes (id, body) VALUES (?, ?)")
            .bind(&note.id)
            .bind(&note.body)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(note)
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Option<Note>, StoreError> {
        let mut tx = self.db.begin_read_current().await?;
        Ok(sqlx::query_as("SELECT id, body FROM notes WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?)
    }

    pub(crate) async fn update(&self, id: &str, body: String) -> Result<Option<Note>, StoreError> {
        let mut tx = self.db.begin_current().await?;
        let note = sqlx::query_as("UPDATE notes SET body = ? WHERE id = ? RETURNING id, body")
            .bind(body)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(note)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.begin_current().await?;
        let deleted = sqlx::query("DELETE FROM notes WHERE id = ? RETURNING id")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(deleted.is_some())
    }

    pub(crate) async fn close(&self) {
        self.db.close().await;
    }
}

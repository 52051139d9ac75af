//! Metadata read and written.

use serde_json::{Map, Value};
use tenancy_core::names::TenantId;

use super::document::TenantMetadata;
use super::metadata_error::MetadataError;
use crate::directory::error::DirectoryError;
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::directory::store::json_object::write;

/// One statement, so that a tenant without metadata and no tenant are told apart at one moment.
pub(in crate::directory) const READ: &str = "select m.document, coalesce(m.revision, 0) as revision
     from tenancy_tenants t left join tenancy_metadata m on m.tenant = t.id where t.id = $1";

const SET: &str = "insert into tenancy_metadata (tenant, revision, document) values ($1, 1, $2)
     on conflict (tenant) do update set revision = tenancy_metadata.revision + 1, document = excluded.document
     returning revision";

const SET_FIRST: &str = "insert into tenancy_metadata (tenant, revision, document) values ($1, 1, $2)
     on conflict (tenant) do nothing returning revision";

const SET_AT: &str = "update tenancy_metadata set revision = revision + 1, document = $2
     where tenant = $1 and revision = $3 returning revision";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The application's own data of a tenant, or `None` if there is no such tenant. Nothing but this reads it: looking a
    /// tenant up for a request does not.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn metadata(&self, id: &TenantId) -> Result<Option<TenantMetadata>, MetadataError> {
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, READ, &[id.as_str().into()]).await?;
        row.as_ref().map(read::<DB>).transpose()
    }

    /// Replaces the application's own data of a tenant, whatever it was. Returns its revision.
    ///
    /// Two who do so at once overwrite each other: to change a part of it, use
    /// [`compare_and_set_metadata`](Self::compare_and_set_metadata).
    ///
    /// # Errors
    ///
    /// If the object is too large, there is no such tenant, or the directory cannot be changed.
    pub async fn set_metadata(&self, id: &TenantId, object: &Map<String, Value>) -> Result<i64, MetadataError> {
        let document = write(object)?;
        let mut tx = self.begin(Writers::OfTheSameRows).await?;
        let values = [id.as_str().into(), (*document).into()];
        let written = DB::fetch_optional(tx.connection_mut(), SET, &values).await;
        let row = of_a_tenant(written, id)?.ok_or(sqlx::Error::RowNotFound)?;
        let revision = DB::number(&row, "revision")?;
        tx.record(PendingEvent::new(id, EventKind::METADATA_CHANGED).to(revision.to_string()));
        tx.commit().await?;
        Ok(revision)
    }

    /// Replaces the application's own data of a tenant, if its revision is still the one that was read; 0 is that of a
    /// tenant that has none. Returns its new revision.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(
    /// #     directory: &tenancy_sqlx::SqliteDirectory,
    /// #     id: &tenancy_core::names::TenantId,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let read = directory.metadata(id).await?.ok_or("no tenant")?;
    /// let revision = read.revision();
    /// let mut object = read.into_object();
    /// object.insert("plan".into(), "team".into());
    /// directory.compare_and_set_metadata(id, revision, &object).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`MetadataError::Conflict`] if somebody else has written it since. Otherwise as
    /// [`set_metadata`](Self::set_metadata).
    pub async fn compare_and_set_metadata(
        &self,
        id: &TenantId,
        revision: i64,
        object: &Map<String, Value>,
    ) -> Result<i64, MetadataError> {
        let document = write(object)?;
        let mut tx = self.begin(Writers::OfTheSameRows).await?;
        let (tenant, document) = (id.as_str().into(), (*document).into());
        let connection = tx.connection_mut();
        let written = if revision == 0 {
            DB::fetch_optional(connection, SET_FIRST, &[tenant, document]).await
        } else {
            DB::fetch_optional(connection, SET_AT, &[tenant, document, revision.into()]).await
        };
        let Some(row) = of_a_tenant(written, id)? else {
            drop(tx);
            let now = self.metadata(id).await?;
            let now = now.ok_or_else(|| DirectoryError::UnknownTenant { id: id.clone() })?;
            let (id, current) = (id.clone(), now.revision);
            return Err(MetadataError::Conflict { id, current });
        };
        let revision = DB::number(&row, "revision")?;
        tx.record(PendingEvent::new(id, EventKind::METADATA_CHANGED).to(revision.to_string()));
        tx.commit().await?;
        Ok(revision)
    }
}

fn read<DB: Queries>(row: &DB::Row) -> Result<TenantMetadata, MetadataError> {
    TenantMetadata::read(DB::text(row, "document")?, DB::number(row, "revision")?)
}

/// A row that refers to no tenant is what the foreign key refuses.
fn of_a_tenant<T>(written: Result<T, sqlx::Error>, id: &TenantId) -> Result<T, DirectoryError> {
    match written {
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            Err(DirectoryError::UnknownTenant { id: id.clone() })
        }
        done => Ok(done?),
    }
}

//! Settings read and written.

use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use tenancy_core::directory::{SettingsDocument, SettingsSource};
use tenancy_core::names::TenantId;

use super::changed_keys::ChangedKeys;
use super::settings_error::SettingsError;
use super::stored_settings::StoredSettings;
use crate::directory::error::DirectoryError;
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::directory::store::json_object::write;
use crate::directory::store::rows::counter;

/// One statement, so that a tenant without settings and no tenant are told apart at one moment.
pub(in crate::directory) const READ: &str = "select s.document, coalesce(s.revision, 0) as revision
     from tenancy_tenants t left join tenancy_settings s on s.tenant = t.id where t.id = $1";

const WRITE: &str = "insert into tenancy_settings (tenant, revision, document) values ($1, 1, $2)
     on conflict (tenant) do update set revision = tenancy_settings.revision + 1, document = excluded.document
     returning revision";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The settings that a tenant has of its own, or `None` if there is no such tenant. Looking a tenant up for a request does not
    /// read them; `TenantSettings` of `tenancy-cache` reads and caches them as a type of the application.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn settings(&self, id: &TenantId) -> Result<Option<StoredSettings>, SettingsError> {
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, READ, &[id.as_str().into()]).await?;
        row.as_ref().map(read::<DB>).transpose()
    }

    /// Replaces the settings of a tenant, if their revision is still the one that was read; 0 is that of a tenant that has none.
    /// Returns their new revision, or the old one if they are the same already.
    ///
    /// The event has the keys that were changed, and no values. PostgreSQL notifies all processes of the change; on SQLite publish
    /// [`Change::Settings`](tenancy_core::directory::Change::Settings).
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(
    /// #     directory: &tenancy_sqlx::SqliteDirectory,
    /// #     id: &tenancy_core::names::TenantId,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let stored = directory.settings(id).await?.ok_or("no tenant")?;
    /// let revision = stored.revision();
    /// let mut object = stored.into_object();
    /// object.insert("seats".into(), 20.into());
    /// // The type of the settings should have accepted the object before: `TenantSettings::check`.
    /// directory.compare_and_set_settings(id, revision, &object).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError::Conflict`] if somebody else has changed them since. If they are too large or have an invalid key, there is
    /// no such tenant, or the directory cannot be changed.
    pub async fn compare_and_set_settings(
        &self,
        id: &TenantId,
        revision: u64,
        object: &Map<String, Value>,
    ) -> Result<u64, SettingsError> {
        require_keys(object)?;
        let document = write(object)?;
        let mut tx = self.begin(Writers::OfATenant).await?;
        let connection = tx.connection_mut();
        // The tenant's row is what two writers of its settings wait for: it is there before they have any.
        let lock = format!("select id from tenancy_tenants where id = $1{}", DB::FOR_UPDATE);
        DB::fetch_optional(connection, AssertSqlSafe(lock), &[id.as_str().into()]).await?;
        let before = DB::fetch_optional(connection, READ, &[id.as_str().into()]).await?;
        let before = before.ok_or_else(|| DirectoryError::UnknownTenant { id: id.clone() })?;
        let before = read::<DB>(&before)?;
        if before.revision() != revision {
            let (id, current) = (id.clone(), before.revision());
            return Err(SettingsError::Conflict { id, current });
        }
        let Some(keys) = ChangedKeys::between(before.object(), object) else {
            return Ok(revision);
        };
        let values = [id.as_str().into(), (*document).into()];
        let row = DB::fetch_optional(connection, WRITE, &values).await?;
        let revision = counter::<DB>(&row.ok_or(sqlx::Error::RowNotFound)?, "revision")?;
        let event = PendingEvent::new(id, EventKind::SETTINGS_CHANGED);
        tx.record(event.between(keys.before.as_deref(), keys.after.as_deref()));
        tx.commit().await?;
        Ok(revision)
    }
}

/// The text as it is stored: the type of the application parses it.
impl<DB: DirectoryDatabase> SettingsSource for SqlDirectory<DB> {
    type Error = SettingsError;

    async fn settings_of(&self, tenant: &TenantId) -> Result<Option<SettingsDocument>, SettingsError> {
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, READ, &[tenant.as_str().into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let document = match DB::text(&row, "document")? {
            Some(document) => SettingsDocument::new(document, counter::<DB>(&row, "revision")?),
            None => SettingsDocument::empty(),
        };
        Ok(Some(document))
    }
}

fn read<DB: Queries>(row: &DB::Row) -> Result<StoredSettings, SettingsError> {
    StoredSettings::read(DB::text(row, "document")?, counter::<DB>(row, "revision")?)
}

/// An event names keys, one a line.
fn require_keys(object: &Map<String, Value>) -> Result<(), SettingsError> {
    let is_key = |key: &String| {
        let length = 1..=StoredSettings::MAX_KEY_BYTES;
        length.contains(&key.len()) && !key.chars().any(char::is_control)
    };
    if object.keys().all(is_key) {
        Ok(())
    } else {
        Err(SettingsError::Key)
    }
}

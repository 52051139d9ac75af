//! What migrations changed outside of the tenant's schema.
//!
//! A migration that names another schema succeeds for each tenant, and leaves one table for all of them. Nothing of it
//! is in the tenant's schema, so the catalog is asked about everything else: which rows of it this transaction wrote,
//! and what it holds locked. PostgreSQL keeps locks until the transaction ends, also those on what is dropped, and
//! `create table if not exists` locks the schema even where the table exists and nothing is made.

use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::changed::changed_sql;
use super::locked::{VANISHED, locked_sql, referenced_sql};
use super::server_wide::{self, PresetPaths};
use crate::StrategyError;
use crate::postgres::identifier::PgIdentifier;

/// A watch over everything but the tenant's schema, from before the migrations until after them.
pub(in crate::postgres) struct OutsideWatch<'w> {
    schema: &'w PgIdentifier,
    /// In these, extensions, types and functions are everybody's, and rows of tables may be written.
    shared: &'w [PgIdentifier],
    /// The search path of the session.
    search_path: String,
    presets: PresetPaths,
    /// What foreign keys of the tenant's referred to before: dropping one locks its other table.
    referenced: Vec<Oid>,
}

impl<'w> OutsideWatch<'w> {
    /// One round trip.
    pub(in crate::postgres) async fn begin(
        transaction: &mut PgConnection,
        schema: &'w PgIdentifier,
        shared: &'w [PgIdentifier],
    ) -> Result<Self, StrategyError> {
        // A cursor goes on to see the catalog of now. What is locked is looked at when its rows are fetched.
        let sql = format!(
            "select pg_catalog.current_setting('search_path'), ({}), array({}); \
            declare tenancy_outside no scroll cursor for {}",
            server_wide::SEARCH_PATHS,
            referenced_sql(schema),
            locked_sql(schema)
        );
        let before = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(transaction).await?;
        let before = before.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Self {
            schema,
            shared,
            search_path: before.try_get(0)?,
            presets: PresetPaths::new(before.try_get(1)?),
            referenced: before.try_get(2)?,
        })
    }

    /// Whether a migration has changed the search path, of its session or of later ones: names would mean something else.
    pub(in crate::postgres) async fn has_search_path_changed(
        &self,
        transaction: &mut PgConnection,
    ) -> Result<bool, StrategyError> {
        let sql = format!(
            "select pg_catalog.current_setting('search_path'), array({})",
            server_wide::WRITTEN
        );
        let now = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
        let (search_path, written): (String, Vec<String>) = (now.try_get(0)?, now.try_get(1)?);
        Ok(search_path != self.search_path || self.presets.have_changed(&written, transaction).await?)
    }

    /// Refuses by name what changed, was made or was dropped outside.
    ///
    /// Deferred triggers run first. No name is looked up where a migration could have put one; the search path is
    /// another afterwards.
    pub(in crate::postgres) async fn end(self, transaction: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = format!(
            "set constraints all immediate; set local search_path = pg_catalog, pg_temp; \
            fetch all from tenancy_outside; close tenancy_outside; {}",
            server_wide::WRITTEN
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await?;
        let (mut locked, mut objects) = (Vec::new(), Vec::new());
        for row in rows {
            // The cursor's rows have three columns.
            if row.len() == 1 {
                objects.push(row.try_get(0)?);
            } else {
                locked.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
        }
        objects.extend(self.changed(transaction).await?);
        objects.extend(self.vanished(transaction, locked).await?);
        if objects.is_empty() {
            return Ok(());
        }
        objects.sort();
        objects.dedup();
        let schema = self.schema.clone();
        Err(StrategyError::ChangedOutside { schema, objects })
    }

    async fn changed(&self, transaction: &mut PgConnection) -> Result<Vec<String>, StrategyError> {
        let shared: Vec<String> = self.shared.iter().map(|schema| schema.as_str().to_owned()).collect();
        let changed = sqlx::query_scalar(AssertSqlSafe(changed_sql()))
            .bind(self.schema.as_str())
            .bind(shared)
            .bind(&self.referenced)
            .fetch_all(transaction);
        Ok(changed.await?)
    }

    /// Of what was outside and is locked, what is gone or in the tenant's schema now.
    async fn vanished(
        &self,
        transaction: &mut PgConnection,
        locked: Vec<(Oid, Oid, String)>,
    ) -> Result<Vec<String>, StrategyError> {
        if locked.is_empty() {
            return Ok(Vec::new());
        }
        let (mut classes, mut objects, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (class, object, name) in locked {
            classes.push(class);
            objects.push(object);
            names.push(name);
        }
        let vanished = sqlx::query_scalar(VANISHED)
            .bind(classes)
            .bind(objects)
            .bind(names)
            .bind(self.schema.as_str())
            .fetch_all(transaction);
        Ok(vanished.await?)
    }
}

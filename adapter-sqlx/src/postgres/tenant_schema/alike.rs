//! A tenant that is as the one before: all that it needs, in one message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::ledger::Before;
use super::lock::lock_sql;
use super::migrating::Migrating;
use super::one_migration::at_once::{AtOnce, Clock, Stopped, run_all};
use super::pending::pending;
use crate::postgres::connection::working::CLEAN;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::strategy::ledger::Applied;
use crate::{Migrated, StrategyError};

/// What was found in the tenant that was looked at last, of those that are in one database.
#[derive(Default)]
pub(in crate::postgres) struct LastTenant {
    /// Whether the record of versions in the database is known to be as this version of the library makes it.
    has_record: AtomicBool,
    before: Mutex<Option<Arc<Before>>>,
}

impl LastTenant {
    pub(super) fn has_record(&self) -> bool {
        self.has_record.load(Ordering::Relaxed)
    }

    pub(super) fn record_is_made(&self) {
        self.has_record.store(true, Ordering::Relaxed);
    }

    pub(super) fn found(&self, before: Before) {
        let before = Some(Arc::new(before));
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = before;
    }

    pub(super) fn before(&self) -> Option<Arc<Before>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Migrating<'_> {
    /// What is to run on a tenant of which this was found, each as a part of a message, and what has run then. None if that takes more
    /// than one message.
    pub(super) fn all_at_once(&self, before: &Before) -> Option<(Vec<AtOnce<'_>>, Migrated)> {
        if self.options.baseline.is_some() || !self.ledger.create_schemas.is_empty() {
            return None;
        }
        let record = before.record?;
        let (from, pending) = pending(self.ledger, None, before.applied.clone()).ok()?;
        let newest = pending.last()?.migration.version;
        // One that is added late does not set the version.
        if from.is_some_and(|from| pending.iter().any(|one| one.migration.version < from)) {
            return None;
        }
        let clean = self.clean();
        let clocks = std::iter::once(Clock::Message).chain(std::iter::repeat(Clock::Own));
        let all = pending.iter().zip(clocks);
        let all: Vec<AtOnce<'_>> = all
            .map(|(one, clock)| self.at_once(one, record, &clean, clock))
            .collect::<Option<_>>()?;
        let migrated = Migrated::new(from, Some(newest), all.len());
        Some((all, migrated))
    }
}

/// A tenant that is taken to be as another one.
///
/// Of a fleet most tenants lack the same. So what the ledger of one says is taken for what that of the next says, and the migrations
/// that follow from it are sent with the lock and the look, behind these. The server itself compares, under the lock: where anything is
/// otherwise the message ends there, nothing has run, and the tenant is migrated step by step.
pub(super) struct Alike<'m> {
    pub(super) schema: &'m PgIdentifier,
    pub(super) application: &'m PgIdentifier,
    /// The table that says which migrations have run, by its full name.
    pub(super) ledger: &'m str,
    /// What it says, if the tenant is as the other.
    pub(super) applied: &'m [Applied],
    pub(super) migrations: Vec<AtOnce<'m>>,
}

impl Alike<'_> {
    /// Runs the migrations, and cleans the session. Where this ends early the connection is locked, or was.
    pub(super) async fn run(&self, connection: &mut PgConnection) -> Result<(), Stopped> {
        let end = CLEAN.to_owned();
        run_all(self.look(), &self.migrations, end, connection).await
    }

    /// The migration of this place, which has failed.
    pub(super) fn failed(&self, place: usize, error: sqlx::Error) -> Option<(i64, StrategyError)> {
        let one = self.migrations.get(place)?;
        Some((one.migration.version, one.failed(error)))
    }

    /// Locks, and fails if the tenant is otherwise. The look is a statement of its own, since it is to see what was committed when the
    /// lock was held.
    fn look(&self) -> String {
        let Self {
            schema,
            application,
            ledger,
            applied,
            ..
        } = self;
        let (application, name) = (Literal(application.as_str()), Literal(schema.as_str()));
        format!(
            "begin isolation level read committed; select {}; select {} from {ledger}; commit",
            or_fail(&lock_sql(schema)),
            or_fail(&format!(
                "pg_catalog.has_schema_privilege({application}::pg_catalog.text::pg_catalog.name, {name}, 'usage') \
                and pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(pg_catalog.concat_ws(' ', version, \
                success, pg_catalog.encode(checksum, 'hex')), ',' order by version), ''), 'UTF8')) \
                operator(pg_catalog.=) '\\x{}'::pg_catalog.bytea",
                digest(applied)
            ))
        )
    }
}

/// An expression that fails unless the condition holds. What it fails by would be folded, if it were a constant, before the condition is
/// looked at.
fn or_fail(condition: &str) -> String {
    format!(
        "case when {condition} then 1 else pg_catalog.concat('otherwise ', pg_catalog.pg_backend_pid())::pg_catalog.int8 end"
    )
}

fn digest(applied: &[Applied]) -> String {
    let mut applied: Vec<&Applied> = applied.iter().collect();
    applied.sort_by_key(|(version, ..)| *version);
    let rows: Vec<String> = applied
        .into_iter()
        .map(|(version, checksum, has_ended)| {
            let has_ended = if *has_ended { 't' } else { 'f' };
            format!("{version} {has_ended} {}", hex(checksum))
        })
        .collect();
    hex(&Sha256::digest(rows.join(",")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

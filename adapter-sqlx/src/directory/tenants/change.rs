//! A change of the directory, and the events that are written with it.

use std::time::SystemTime;

use crate::StrategyTransaction;
use crate::directory::error::DirectoryError;
use crate::directory::events::Attribution;
use crate::directory::events::{PendingEvent, unix_milliseconds};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::directory::store::write::begin_write;

/// A transaction that changes the directory.
///
/// Its events are the last statements before the commit, since writing them takes the events' own lock: then the order of
/// events is the order of commits, and a reader who has read up to one of them has missed none before it. One who waits for
/// that lock holds all other locks that they need, so that nobody waits for one another.
pub(in crate::directory) struct DirectoryChange<'d, DB: DirectoryDatabase> {
    tx: StrategyTransaction<DB>,
    attribution: &'d Attribution,
    events: Vec<PendingEvent>,
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Begins a change on a connection on which no other transaction is open.
    pub(in crate::directory) async fn begin(
        &self,
        writers: Writers,
    ) -> Result<DirectoryChange<'_, DB>, DirectoryError> {
        self.require_writable()?;
        self.begin_unchecked(writers).await
    }

    /// Begins the one change that a process which only serves may make: it redeems a grant of impersonation, by a statement that its role
    /// may run.
    pub(in crate::directory) async fn begin_redeeming(&self) -> Result<DirectoryChange<'_, DB>, DirectoryError> {
        self.begin_unchecked(Writers::OfTheSameRows).await
    }

    async fn begin_unchecked(&self, writers: Writers) -> Result<DirectoryChange<'_, DB>, DirectoryError> {
        Ok(DirectoryChange {
            tx: begin_write(&self.pool, DB::begin_change(writers, &self.lock_timeout)).await?,
            attribution: &self.attribution,
            events: Vec::new(),
        })
    }
}

impl<DB: DirectoryDatabase> DirectoryChange<'_, DB> {
    pub(in crate::directory) fn connection_mut(&mut self) -> &mut DB::Connection {
        self.tx.connection_mut()
    }

    /// Says what has changed. It is written by [`commit`](Self::commit).
    pub(in crate::directory) fn record(&mut self, event: PendingEvent) {
        self.events.push(event);
    }

    /// The change is made when this has returned, and all of its events are written.
    pub(in crate::directory) async fn commit(mut self) -> Result<(), DirectoryError> {
        let at = unix_milliseconds(SystemTime::now());
        for event in &self.events {
            let member = event.member.as_ref();
            let by = event.by.as_ref().unwrap_or(self.attribution);
            let values = [
                event.tenant.as_ref().map(|tenant| tenant.as_str()).into(),
                event.kind.as_str().into(),
                event.before.as_deref().into(),
                event.after.as_deref().into(),
                member.map(|(subject, _)| subject.as_str()).into(),
                member.map(|(_, issuer)| issuer.as_str()).into(),
                by.actor().as_str().into(),
                by.reason().into(),
                at.into(),
            ];
            DB::execute(self.tx.connection_mut(), <DB as Queries>::INSERT_EVENT, &values).await?;
        }
        Ok(self.tx.commit().await?)
    }
}

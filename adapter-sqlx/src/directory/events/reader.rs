//! Reading the events: for an audit, or as an outbox.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use sqlx::AssertSqlSafe;
use tenancy_core::names::TenantId;

use super::event::{self, COLUMNS, TenantEvent, unix_milliseconds};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Value, Writers};

/// How often a reader that has read everything looks again, unless it is set otherwise.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The name under which a reader's progress is stored, such as `billing`: 1 to 63 of `a-z`, `0-9`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorName(String);

impl CursorName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CursorName {
    type Err = ParseCursorNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if (1..=63).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseCursorNameError)
        }
    }
}

/// A text that is no name of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a cursor has 1 to 63 of a-z, 0-9, `_` and `-`")]
pub struct ParseCursorNameError;

/// How many events are read at once at most, so that a number out of a request cannot ask for everything.
const MAX_LIMIT: i64 = 10_000;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The events after the one numbered `after`, at most `limit`, in the order of their commits. 0 is before the first.
    /// A limit of more than 10,000 is taken for 10,000; only an empty list says that there are no more.
    ///
    /// None is missed: an event that is not returned now, and is committed later, has a greater number than all that are
    /// returned.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn events(&self, after: i64, limit: NonZeroU32) -> Result<Vec<TenantEvent>, DirectoryError> {
        let sql = format!("select {COLUMNS} from tenancy_events where seq > $1 order by seq limit $2");
        self.read_events(sql, &[after.into(), rows(limit).into()]).await
    }

    /// The events of one tenant after the one numbered `after`, in the order of their commits; at most `limit`, as
    /// [`events`](Self::events) takes it.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn events_of(
        &self,
        tenant: &TenantId,
        after: i64,
        limit: NonZeroU32,
    ) -> Result<Vec<TenantEvent>, DirectoryError> {
        let sql = format!("select {COLUMNS} from tenancy_events where tenant = $3 and seq > $1 order by seq limit $2");
        let values = [after.into(), rows(limit).into(), tenant.as_str().into()];
        self.read_events(sql, &values).await
    }

    /// The number of the last event; 0 if there is none. Events after it are those to come.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn last_event(&self) -> Result<i64, DirectoryError> {
        let sql = "select coalesce(max(seq), 0) as last from tenancy_events";
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, sql, &[]).await?;
        Ok(DB::number(&row.ok_or(sqlx::Error::RowNotFound)?, "last")?)
    }

    /// A reader that remembers in the directory how far it has read. A new one begins with the first event.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn follow_events(&self, cursor: CursorName) -> Result<EventReader<DB>, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let sql = "insert into tenancy_event_cursors (name, seq) values ($1, 0) on conflict (name) do nothing";
        DB::execute(change.connection_mut(), sql, &[cursor.as_str().into()]).await?;
        let sql = "select seq from tenancy_event_cursors where name = $1";
        let row = DB::fetch_optional(change.connection_mut(), sql, &[cursor.as_str().into()]).await?;
        let position = DB::number(&row.ok_or(sqlx::Error::RowNotFound)?, "seq")?;
        change.commit().await?;
        Ok(EventReader {
            directory: self.clone(),
            cursor,
            position,
            read: position,
            poll_interval: POLL_INTERVAL,
        })
    }

    /// Forgets how far a reader has read, so that it does not keep events from being purged. Returns `false` if there is no
    /// such cursor.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn remove_event_cursor(&self, cursor: &CursorName) -> Result<bool, DirectoryError> {
        let sql = "delete from tenancy_event_cursors where name = $1";
        self.change(sql, &[cursor.as_str().into()]).await
    }

    /// Removes the events that are older than `before`, and that every reader has read. Returns how many.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn purge_events(&self, before: SystemTime) -> Result<u64, DirectoryError> {
        let sql = "delete from tenancy_events where at < $1
             and seq <= coalesce((select min(seq) from tenancy_event_cursors), seq)";
        self.change_rows(sql, &[unix_milliseconds(before).into()]).await
    }

    /// Takes what is personal out of the events that are older than `before`: whose membership has changed. Returns how many
    /// had something.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn erase_personal_data_of_events(&self, before: SystemTime) -> Result<u64, DirectoryError> {
        let sql = "update tenancy_events set subject = null, issuer = null where at < $1 and subject is not null";
        self.change_rows(sql, &[unix_milliseconds(before).into()]).await
    }

    async fn read_events(&self, sql: String, values: &[Value<'_>]) -> Result<Vec<TenantEvent>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, AssertSqlSafe(sql), values).await?;
        rows.iter().map(event::parse::<DB>).collect()
    }
}

fn rows(limit: NonZeroU32) -> i64 {
    i64::from(limit.get()).min(MAX_LIMIT)
}

/// Reads the events in the order of their commits, and remembers in the directory how far it has read.
///
/// Each event is delivered at least once: what was read and not [acknowledged](Self::acknowledge) before a crash is read
/// again. Two readers of one cursor both read everything.
///
/// ```no_run
/// # async fn example(directory: tenancy_sqlx::SqliteDirectory) -> Result<(), Box<dyn std::error::Error>> {
/// # async fn tell_billing(event: &tenancy_sqlx::TenantEvent) -> Result<(), std::io::Error> { Ok(()) }
/// let mut events = directory.follow_events("billing".parse()?).await?;
/// loop {
///     for event in events.next_batch(100.try_into()?).await? {
///         tell_billing(&event).await?;
///     }
///     events.acknowledge().await?;
/// }
/// # }
/// ```
#[doc(alias = "outbox")]
#[doc(alias = "audit")]
pub struct EventReader<DB: DirectoryDatabase> {
    directory: SqlDirectory<DB>,
    cursor: CursorName,
    /// What is acknowledged.
    position: i64,
    /// What was returned.
    read: i64,
    poll_interval: Duration,
}

impl<DB: DirectoryDatabase> EventReader<DB> {
    /// Sets how often it looks for new events once it has read everything. The default is a second.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// The next events, at most `limit` and at most 10,000. It waits until there is one.
    ///
    /// Dropped, it has read nothing.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried. The next call goes on.
    pub async fn next_batch(&mut self, limit: NonZeroU32) -> Result<Vec<TenantEvent>, DirectoryError> {
        loop {
            let events = self.directory.events(self.read, limit).await?;
            #[cfg(feature = "metrics")]
            crate::operation_metrics::events_lag(self.cursor.as_str(), events.first().map(|event| event.at));
            if let Some(last) = events.last() {
                self.read = last.seq;
                return Ok(events);
            }
            tokio::time::sleep(self.poll_interval).await;
        }
    }

    /// Stores that all that was returned is dealt with, and is not to be read again. A cursor that was
    /// [removed](SqlDirectory::remove_event_cursor) meanwhile is there again then, so that what this reader has not read is
    /// not purged.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn acknowledge(&mut self) -> Result<(), DirectoryError> {
        if self.read > self.position {
            // Another reader of the same cursor may be further.
            let sql = "insert into tenancy_event_cursors (name, seq) values ($1, $2)
                 on conflict (name) do update set seq = excluded.seq where tenancy_event_cursors.seq < excluded.seq";
            let values = [self.cursor.as_str().into(), self.read.into()];
            self.directory.change(sql, &values).await?;
            self.position = self.read;
        }
        Ok(())
    }

    /// The number of the last event that is acknowledged; 0 if there is none.
    #[must_use]
    pub const fn position(&self) -> i64 {
        self.position
    }
}

impl<DB: DirectoryDatabase> fmt::Debug for EventReader<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("cursor", &self.cursor)
            .field("position", &self.position)
            .field("read", &self.read)
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_asks_for_everything() {
        for (limit, expected) in [(1, 1), (10_000, 10_000), (10_001, 10_000), (u32::MAX, 10_000)] {
            assert_eq!(NonZeroU32::new(limit).map(rows), Some(expected));
        }
    }
}

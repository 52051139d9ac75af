//! What new connections show of a database's fence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::{AssertSqlSafe, PgConnection};

use super::refusal::Mismatch;
use super::{enter, standing};

/// Whether a strategy is fenced, and whether the database that its newest connection has reached is so, too.
///
/// A pool would retry for as long as its acquire time-out if a new connection were refused, and then report that time-out alone.
/// So the connection is made, and what uses it asks here.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct FenceWatch(Option<Watched>);

#[derive(Clone, Debug)]
struct Watched {
    is_fenced: bool,
    database: Arc<AtomicU8>,
}

const UNKNOWN: u8 = 0;
const FENCED: u8 = 1;
const UNFENCED: u8 = 2;

impl FenceWatch {
    /// Watches that the database is fenced as the strategy is. The default watches nothing: the administrator's.
    pub(in crate::postgres) fn new(is_fenced: bool) -> Self {
        Self(Some(Watched {
            is_fenced,
            database: Arc::new(AtomicU8::new(UNKNOWN)),
        }))
    }

    /// Readies a new connection: it runs what prepares its session, looks at its database in the same message, and prepares how
    /// transactions enter. Behind a pooler nothing is prepared.
    pub(in crate::postgres) async fn ready(
        &self,
        connection: &mut PgConnection,
        prepare: String,
    ) -> Result<(), sqlx::Error> {
        let is_prepared = !prepare.is_empty();
        let Some(watched) = &self.0 else {
            if is_prepared {
                sqlx::raw_sql(AssertSqlSafe(prepare)).execute(connection).await?;
            }
            return Ok(());
        };
        let is_fenced = standing::is_fenced_after(connection, &prepare).await?;
        let seen = if is_fenced { FENCED } else { UNFENCED };
        watched.database.store(seen, Ordering::Relaxed);
        if watched.is_fenced && is_fenced && is_prepared {
            enter::prepare(connection).await?;
        }
        Ok(())
    }

    /// How the database differs from the strategy, if that is known.
    pub(in crate::postgres) fn mismatch(&self) -> Option<Mismatch> {
        let watched = self.0.as_ref()?;
        let is_database_fenced = match watched.database.load(Ordering::Relaxed) {
            FENCED => true,
            UNFENCED => false,
            _ => return None,
        };
        (is_database_fenced != watched.is_fenced).then_some(Mismatch { is_database_fenced })
    }
}

//! Waits for locks that end, and are tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use sqlx::migrate::MigrateError;

use crate::StrategyError;
use crate::postgres::identifier::Literal;

/// How long one attempt waits for a lock.
///
/// A statement that waits for a strong lock on a table makes every later statement on that table wait behind it. So each
/// attempt gives up soon and undoes what it did, and the statements behind it run before the next one.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct LockTimeout(pub(in crate::postgres) Duration);

impl Default for LockTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

impl LockTimeout {
    /// The value of the setting `lock_timeout`. Zero would wait for ever, and the greatest is the server's.
    pub(in crate::postgres) fn setting(self) -> String {
        const GREATEST: u128 = i32::MAX.unsigned_abs() as u128;
        format!("{}ms", self.0.as_millis().clamp(1, GREATEST))
    }

    /// Sets it for the session.
    pub(in crate::postgres) fn session_sql(self) -> String {
        format!("set lock_timeout = {}", Literal(&self.setting()))
    }

    /// Sets it for the rest of the transaction.
    pub(in crate::postgres) fn sql(self) -> String {
        format!("set local lock_timeout = {}", Literal(&self.setting()))
    }
}

/// The attempts that have been made.
pub(in crate::postgres) struct Attempts {
    made: u32,
    max: u32,
    wait: LockTimeout,
    is_migration: bool,
}

impl Attempts {
    /// After as many it is an error.
    pub(in crate::postgres) const MAX: u32 = 10;

    pub(in crate::postgres) const fn new(wait: LockTimeout) -> Self {
        Self {
            made: 0,
            max: Self::MAX,
            wait,
            is_migration: false,
        }
    }

    /// The attempts of a migration, of which there are at most so many. That something exists already is the migration's own fault.
    pub(in crate::postgres) const fn of_migration(wait: LockTimeout, max: u32) -> Self {
        Self {
            made: 0,
            max,
            wait,
            is_migration: true,
        }
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    ///
    /// The error itself if another attempt would fail like this one, and
    /// [`LocksHeld`](StrategyError::LocksHeld) if this was the last attempt.
    pub(in crate::postgres) async fn again(&mut self, object: &str, error: StrategyError) -> Result<(), StrategyError> {
        if !is_passing(&error, self.is_migration) {
            return Err(error);
        }
        self.made += 1;
        if self.made >= self.max {
            return Err(StrategyError::LocksHeld {
                object: object.to_owned(),
                attempts: self.made,
                source: Box::new(error),
            });
        }
        tracing::info!(object, attempt = self.made, %error, "failed to lock, and will try again");
        pause(self.wait.0).await;
        Ok(())
    }
}

/// Sleeps for this long on average, so that two who failed together do not try together.
pub(in crate::postgres) async fn pause(average: Duration) {
    let random = RandomState::new().hash_one(0_u8);
    // From a half to one and a half.
    let factor = 0.5 + f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    tokio::time::sleep(average.mul_f64(factor)).await;
}

/// Whether other sessions are the cause, which may be gone the next time.
fn is_passing(error: &StrategyError, is_migration: bool) -> bool {
    const LOCK_TIMEOUT: &str = "55P03";
    const DEADLOCK: &str = "40P01";
    const SERIALIZATION: &str = "40001";
    // Somebody else made it in between.
    const EXISTS: &str = "42710";
    let Some(error) = database_error(error) else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    [LOCK_TIMEOUT, DEADLOCK, SERIALIZATION].contains(&&*code)
        || code == EXISTS && !is_migration
        // The server does not wait for those who grant at the same time, and has no code for it.
        || (code == "XX000" && error.message().starts_with("tuple concurrently"))
}

/// Whether a lock was not free in time.
pub(in crate::postgres) fn is_lock_timeout(error: &StrategyError) -> bool {
    has_code(error, &["55P03"])
}

/// Whether a statement ended the transaction that it stood in, so that nobody else can.
pub(in crate::postgres) fn is_transaction_over(error: &StrategyError) -> bool {
    has_code(error, &["25P01", "3B001"])
}

fn has_code(error: &StrategyError, codes: &[&str]) -> bool {
    let code = database_error(error).and_then(|error| error.code());
    code.is_some_and(|code| codes.contains(&&*code))
}

fn database_error(error: &StrategyError) -> Option<&dyn sqlx::error::DatabaseError> {
    match error {
        StrategyError::Database(error)
        | StrategyError::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            error.as_database_error()
        }
        _ => None,
    }
}

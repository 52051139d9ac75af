//! The tests of `tenancy-sqlx`, in one binary. Those through PgBouncer are in `tests/pooler`: the same files once more.

/// Not through PgBouncer; see `tests/pooler`.
#[cfg(feature = "postgres")]
const BY_POOLER: bool = false;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod across;
#[cfg(feature = "sqlite")]
mod common;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod directory;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod fleet;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod longest_durations;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod polling;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod staff;
#[cfg(all(feature = "postgres", feature = "sqlite", feature = "metrics", feature = "spans"))]
mod telemetry;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod tenant_shares;
#[cfg(all(feature = "postgres", feature = "sqlite", feature = "testing"))]
mod testing_kit;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transparent;

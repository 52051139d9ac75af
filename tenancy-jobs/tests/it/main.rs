//! Jobs on PostgreSQL, in ordinary roles: the application's owns nothing, the administrator's is no superuser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod behind;
mod enqueue;
mod fairness;
mod forged;
mod gate;
mod runs;
mod support;
mod worker_role;

//! The fence of a PostgreSQL database: the table of places, and the function by which transactions enter.

pub(in crate::postgres) mod enter;
pub(in crate::postgres) mod install;
pub(in crate::postgres) mod place;
pub(in crate::postgres) mod policies;
pub(in crate::postgres) mod refusal;
pub(in crate::postgres) mod retry;
pub(in crate::postgres) mod standing;
pub(in crate::postgres) mod watch;

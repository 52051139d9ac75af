//! What transactions and their connections leave, lose and cost.

mod application_name;
mod application_names;
pub(crate) mod cancel;
mod channels;
mod commit;
mod concurrency;
mod error_kind;
pub(crate) mod foreign_errors;
mod leaks;
mod network;
mod odd_ends;
mod presets;
mod round_trips;
mod run;
mod run_again;
mod runtimes;
pub(crate) mod sessions;

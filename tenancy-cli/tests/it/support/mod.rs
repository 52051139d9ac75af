//! Services that are operated, and the command that operates them.

mod command;
mod pty;
mod service;
mod wire;

pub(crate) use command::{Done, Running, piped};
pub(crate) use service::Service;
pub(crate) use wire::{LastStatement, Wire};

/// Runs a test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($name:ident, $run:path) => {
        mod $name {
            #[test]
            fn sqlite() {
                $run(&crate::support::Service::sqlite());
            }

            #[test]
            fn postgres() {
                $run(&crate::support::Service::postgres());
            }
        }
    };
}
pub(crate) use on_both;

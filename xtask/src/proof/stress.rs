//! Load, cancellation, crashes and hostile statements on servers that are thrown away after them.

use crate::command::{Failure, cargo};
use crate::server::postgres::{Server, programs};

/// Runs the parts that are named, or all, with the options of the program `stress`.
pub(crate) fn command(options: &[&str]) -> Result<(), Failure> {
    // Never the user's own: it ends sessions, and its handlers send what they should not.
    let server = Server::start_own()?;
    let mut run = cargo("run --locked --quiet -p stress --".split(' ')).args(options);
    for (name, value) in server.variables().into_iter().chain(programs()?) {
        run = run.env(name, &value);
    }
    run.run()
}

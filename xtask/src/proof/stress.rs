//! Load, cancellation, crashes and hostile statements on servers that are thrown away after them.

use crate::built::Built;
use crate::command::{Failure, cargo, program};
use crate::server::postgres::{Server, programs};

/// The part that is no part of the program `stress`: a test of the library at its full size.
const FLEET: &str = "fleet";

/// Runs the parts that are named, or all of the program `stress`, with its options.
pub(crate) fn command(options: &[&str]) -> Result<(), Failure> {
    // Never the user's own: it ends sessions, and its handlers send what they should not.
    let server = Server::start_own()?;
    let (fleet, options): (Vec<&str>, Vec<&str>) = options.iter().copied().partition(|option| *option == FLEET);
    if !fleet.is_empty() {
        migrate_a_fleet(&server)?;
    }
    if !fleet.is_empty() && options.is_empty() {
        return Ok(());
    }
    let run = cargo("run --locked --quiet -p stress --".split(' ')).args(&options);
    run.envs(server.variables()).envs(programs()?).run()
}

/// As a step: all parts, for so many minutes.
pub(crate) fn check(minutes: &str) -> Result<(), Failure> {
    let built = Built::all()?;
    let server = Server::start_own()?;
    let run = program(built.program("stress")?).args(["--minutes", minutes]);
    run.envs(server.variables()).envs(programs()?).run()
}

/// A thousand schemas, migrated by two runners at once of which one is killed twenty times. It prints what it has counted.
fn migrate_a_fleet(server: &Server) -> Result<(), Failure> {
    let test = "fleet::kills::runners_that_are_killed_at_random_points_are_resumed";
    let run = cargo("test --locked --quiet -p tenancy-sqlx --all-features --test it --".split(' '))
        .args(["--exact", "--nocapture", test])
        .env("TENANCY_TEST_FLEET_TENANTS", "1000")
        .env("TENANCY_TEST_FLEET_KILLS", "20");
    run.envs(server.variables()).run()
}

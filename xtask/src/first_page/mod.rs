//! README's quick start, followed from an empty folder: its own commands, files and requests, and the answers that it promises.

mod page;
mod run;

use std::fs;
use std::path::PathBuf;

use self::page::{Section, Step};
use self::run::Run;
use crate::command::{Failure, root};
use crate::server::postgres::Server;

/// The heading of the part that is followed, and of the part of it that goes on with PostgreSQL.
const HEADING: &str = "## Quick start";
const ON_POSTGRESQL: &str = "### On PostgreSQL";

/// What each part must have come to at least, whatever else the page has.
const STATUSES: [u16; 3] = [200, 401, 403];

/// Follows the page on SQLite, and then on a PostgreSQL that is thrown away, in one project.
pub(crate) fn check() -> Result<(), Failure> {
    let readme = fs::read_to_string(root().join("README.md"));
    let readme = readme.map_err(|error| Failure::new(format!("README.md: {error}")))?;
    let quick_start = Section::of(&readme, HEADING)?;
    let (on_sqlite, on_postgres) = quick_start.split(ON_POSTGRESQL)?;
    let mut run = Run::new()?;
    run.follow(&on_sqlite.steps()?)?;
    // The requests stand on the page once.
    let requests: Vec<Step> = on_sqlite.steps()?.into_iter().filter(Step::is_request).collect();
    covers(&requests)?;
    let server = Server::start_own()?;
    run.set("DATABASE_SETUP_URL", server.url());
    run.follow(&on_postgres.steps()?)?;
    run.follow(&requests)
}

fn covers(requests: &[Step]) -> Result<(), Failure> {
    let promised: Vec<u16> = requests.iter().filter_map(Step::status).collect();
    match STATUSES.iter().find(|status| !promised.contains(status)) {
        Some(missing) => Err(Failure::new(format!("README promises no {missing}"))),
        None => Ok(()),
    }
}

/// A path below the project's folder.
fn below(folder: &std::path::Path, name: &str) -> PathBuf {
    name.split('/').fold(folder.to_owned(), |path, part| path.join(part))
}

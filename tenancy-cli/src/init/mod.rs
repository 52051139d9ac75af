//! `init`: a file, and what it describes, made. Each step is done again by the same command, and changes nothing then.

mod described;
mod file;
mod postgres;
mod roles;
mod secret;
mod setup;

use std::path::Path;

use tenancy_sqlx::PgIdentifier;

use crate::args::{Described, Init, InitDatabase, InitPostgres, InitSqlite, Strategy};
use crate::database::{Database, database_in};
use crate::output::{Answer, Failure};
use crate::site::Site;

/// Writes the file where it is missing, and sets up what it describes.
pub(crate) async fn init(site: &Site<'_>, init: &Init) -> Result<Answer, Failure> {
    match &init.database {
        None => existing(site).await,
        Some(InitDatabase::Sqlite(sqlite)) => on_sqlite(site, sqlite).await,
        Some(InitDatabase::Postgres(postgres)) => postgres::init(site, postgres).await,
    }
}

/// A file that is there, as it is.
async fn existing(site: &Site<'_>) -> Result<Answer, Failure> {
    let Some(text) = file::read(site.file())? else {
        let path = site.file().display();
        return Err(Failure::new("no_file", format!("there is no file `{path}` yet"))
            .run("init sqlite")
            .run("init postgres"));
    };
    let done = match database_in(&text) {
        Database::Sqlite => setup::sqlite(site).await?,
        Database::Postgres => setup::postgres(site).await?,
    };
    Ok(ready(format!("`{}` is set up", site.file().display()), done))
}

async fn on_sqlite(site: &Site<'_>, options: &InitSqlite) -> Result<Answer, Failure> {
    let text = file::for_sqlite(options)?;
    if options.dry_run {
        return Ok(Answer::new(text.clone()).with("dry_run", true).with("file", text));
    }
    described::check_sqlite(site, &text, &options.described).await?;
    let written = file::write(site.file(), &text)?;
    let done = setup::sqlite(site).await?;
    Ok(ready(said(site.file(), written), done).with("written", written))
}

/// What was done to the file.
fn said(path: &Path, written: bool) -> String {
    if written {
        format!("`{}` is written, and set up", path.display())
    } else {
        format!("`{}` is there already, and set up", path.display())
    }
}

/// A service that can create tenants, or says why it cannot yet.
fn ready(text: String, done: setup::Done) -> Answer {
    let answer = Answer::new(text);
    match done {
        setup::Done::All => answer.run("check").run("tenant create ID"),
        setup::Done::Directory { reason } => answer
            .advise(format!("the strategies do not open yet: {reason}"))
            .run("check"),
    }
}

/// The strategies that are described; `database` if none is named.
fn strategies(described: &Described) -> Vec<Strategy> {
    let mut strategies = described.strategies.clone();
    strategies.dedup();
    if strategies.is_empty() {
        strategies.push(Strategy::Database);
    }
    strategies
}

/// The roles that are made.
struct Roles<'r> {
    application: &'r PgIdentifier,
    administrator: &'r PgIdentifier,
    database: &'r PgIdentifier,
    makes_databases: bool,
}

impl<'r> Roles<'r> {
    fn of(options: &'r InitPostgres) -> Self {
        Self {
            application: &options.application_role,
            administrator: &options.administrator_role,
            database: &options.database,
            makes_databases: strategies(&options.described).contains(&Strategy::Database),
        }
    }
}

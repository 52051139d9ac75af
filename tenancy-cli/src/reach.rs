//! Whether what a file describes is there, before it is opened.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Postgres, Sqlite};
use tenancy::Description;

use crate::output::{Failure, chain};

/// How long a server has to answer.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A file that is missing would be made, and a mistyped path would be an empty directory of tenants.
pub(crate) fn sqlite(description: &Description<Sqlite>) -> Result<(), Failure> {
    first_missing(description, 1)
}

/// The same of tenants' data.
pub(crate) fn sqlite_data(description: &Description<Sqlite>) -> Result<(), Failure> {
    first_missing(description, usize::MAX)
}

fn first_missing(description: &Description<Sqlite>, of: usize) -> Result<(), Failure> {
    let missing = description.paths().take(of).find(|(_, path)| !path.exists());
    match missing {
        Some((key, path)) => Err(Failure::new(
            "directory_not_set_up",
            format!("`{key}`: there is no file `{}`", path.display()),
        )
        .run("init")
        .advise("or correct the path")),
        None => Ok(()),
    }
}

pub(crate) async fn postgres(description: &Description<Postgres>) -> Result<(), Failure> {
    let server = description.directory();
    let options = server.administrator_options().unwrap_or(server.application_options());
    let connection = connect(options).await.map_err(|error| {
        Failure::new(
            "directory_unreachable",
            format!("failed to reach the directory: {error}"),
        )
        .run("check")
        .advise("see that the database runs, and that the URL names it and the role's password")
    })?;
    let _ = connection.close().await;
    Ok(())
}

/// The strategies whose tenants share the database of this one; it is one of them. Each tenant of `database` has one of its own.
pub(crate) fn in_the_same_database(description: &Description<Postgres>, strategy: &'static str) -> Vec<&'static str> {
    let servers = description.servers();
    let database_of = |name: &str| {
        let key = format!("strategies.{name}");
        let (_, server) = servers.iter().find(|(other, _)| *other == key)?;
        let options = server.administrator_options().unwrap_or(server.application_options());
        let database = options.get_database().unwrap_or(options.get_username());
        Some((options.get_host().to_owned(), options.get_port(), database.to_owned()))
    };
    let shared = description
        .fences()
        .map(|(name, _)| name)
        .filter(|name| *name != "database");
    let same = shared.filter(|name| *name == strategy || database_of(name) == database_of(strategy));
    if strategy == "database" {
        vec![strategy]
    } else {
        same.collect()
    }
}

/// A connection, or why there is none, without any part of the URL but host, port, database and role.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let place = format!(
        "`{}` at {}:{} as `{}`",
        options.get_database().unwrap_or_default(),
        options.get_host(),
        options.get_port(),
        options.get_username()
    );
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(format!("{place}: {}", chain(&error))),
        Err(_) => Err(format!(
            "{place}: no answer within {} seconds",
            CONNECT_TIMEOUT.as_secs()
        )),
    }
}

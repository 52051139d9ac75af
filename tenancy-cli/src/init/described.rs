//! A description, looked at before its file is written: a file that does not open would be in the way of the next attempt.

use std::path::Path;

use sqlx::{Postgres, Sqlite};
use tenancy::config::JwtTable;
use toml::{Table, Value};

use super::file::{self, Urls};
use super::secret;
use crate::args::{Described, InitPostgres};
use crate::output::Failure;
use crate::site::Site;

/// Stands for the URLs that are not known yet.
const SOME_URL: [(&str, &str); 2] = [
    ("DATABASE_URL", "postgres://application@localhost/tenants"),
    ("DATABASE_ADMIN_URL", "postgres://administrator@localhost/tenants"),
];

pub(super) async fn check_sqlite(site: &Site<'_>, text: &str, described: &Described) -> Result<(), Failure> {
    check_issuer(site, text, described)?;
    site.open_text::<Sqlite>(text).describe().await?;
    Ok(())
}

pub(super) async fn check_postgres(site: &Site<'_>, options: &InitPostgres) -> Result<(), Failure> {
    let text = file::for_postgres(options, &Urls::Variables)?;
    check_issuer(site, &text, &options.described)?;
    let open = site.open_text::<Postgres>(&text);
    let with = |open: tenancy::Open<Postgres>, (name, url): (&str, &str)| open.with_variable(name, url);
    SOME_URL.into_iter().fold(open, with).describe().await?;
    Ok(())
}

/// Makes the secret that tokens are signed with, and looks at the issuer.
fn check_issuer(site: &Site<'_>, text: &str, described: &Described) -> Result<(), Failure> {
    if let Some(path) = &described.secret_file {
        secret::shared(&site.folder().join(path))?;
    }
    let table: Table = text.parse().map_err(|_| Failure::usage("this makes no TOML"))?;
    let Some(jwt) = table.get("jwt").cloned() else {
        return Ok(());
    };
    issuer_in(jwt, site.folder())
        .map_err(|problem| Failure::usage(format!("the issuer is not valid: {problem}")).advise("see `init --help`"))
}

fn issuer_in(jwt: Value, folder: &Path) -> Result<(), String> {
    let jwt: JwtTable = jwt.try_into().map_err(|error| error.to_string())?;
    jwt.verifier_builder(folder)
        .map(drop)
        .map_err(|error| error.to_string())
}

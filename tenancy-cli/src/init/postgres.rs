//! `init postgres`.

use std::env;

use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;

use super::file::{self, Urls};
use super::{Roles, described, roles, said, secret, setup};
use crate::args::InitPostgres;
use crate::output::{Answer, Exit, Failure};
use crate::reach::connect;
use crate::site::Site;

/// The files of both roles' URLs, beside the configuration.
const APPLICATION: &str = "application.url";
const ADMINISTRATOR: &str = "administrator.url";

const FILES: Urls<'static> = Urls::Files {
    application: APPLICATION,
    administrator: ADMINISTRATOR,
};

pub(super) async fn init(site: &Site<'_>, options: &InitPostgres) -> Result<Answer, Failure> {
    let roles = Roles::of(options);
    if !options.dry_run {
        described::check_postgres(site, options).await?;
    }
    if options.print_sql {
        return printed(site, options, &roles, None);
    }
    let Some(setup) = setup_url(options)? else {
        let variable = &options.setup_url_env;
        let reason = format!("the variable `{variable}` is not set, so the roles are not made");
        return printed(site, options, &roles, Some(reason));
    };
    if options.dry_run {
        let text = file::for_postgres(options, &FILES)?;
        let sql = roles::sql(&roles);
        let answer = Answer::new(format!("{text}\n{sql}")).with("dry_run", true);
        return Ok(answer.with("file", text).with("sql", sql));
    }
    let mut connection = connect(&setup).await.map_err(|error| {
        Failure::new("server_unreachable", format!("failed to reach the server: {error}")).advise(format!(
            "see that the server runs, and that `{}` is right",
            options.setup_url_env
        ))
    })?;
    if !roles::may_make(&mut connection).await? {
        let reason = format!(
            "the role of `{}` may not make roles and databases",
            options.setup_url_env
        );
        return printed(site, options, &roles, Some(reason));
    }
    make(site, options, &roles, &setup, &mut connection).await
}

/// The role that makes the others.
fn setup_url(options: &InitPostgres) -> Result<Option<PgConnectOptions>, Failure> {
    let variable = &options.setup_url_env;
    match env::var(variable) {
        // Neither the URL nor sqlx's words about it are shown.
        Ok(url) => match url.trim().parse() {
            Ok(options) => Ok(Some(options)),
            Err(_) => Err(
                Failure::usage(format!("the variable `{variable}` holds no URL of a PostgreSQL server"))
                    .advise("set it to `postgres://ROLE:PASSWORD@HOST/DATABASE`"),
            ),
        },
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("the variable `{variable}` is not UTF-8"))),
    }
}

async fn make(
    site: &Site<'_>,
    options: &InitPostgres,
    roles: &Roles<'_>,
    setup: &PgConnectOptions,
    connection: &mut sqlx::PgConnection,
) -> Result<Answer, Failure> {
    let text = file::for_postgres(options, &FILES)?;
    let written = file::write(site.file(), &text)?;
    let folder = site.folder();
    let of = |role: &str| setup.clone().database(options.database.as_str()).username(role);
    let application = secret::url(&folder.join(APPLICATION), &of(roles.application.as_str()))?;
    let administrator = secret::url(&folder.join(ADMINISTRATOR), &of(roles.administrator.as_str()))?;
    let passwords = (roles::password_of(&application)?, roles::password_of(&administrator)?);
    roles::make(connection, roles, &passwords.0, &passwords.1).await?;
    // A role that was there before has a password of its own.
    for (role, options) in [(roles.application, &application), (roles.administrator, &administrator)] {
        let connected = connect(options).await.map_err(|error| {
            Failure::new(
                "role_exists",
                format!("the role {role} does not connect with the password that is made for it: {error}"),
            )
            .advise(format!(
                "name another role, or set the variables in place of the files `{APPLICATION}` and `{ADMINISTRATOR}`"
            ))
        })?;
        let _ = connected.close().await;
    }
    let done = setup::postgres(site).await?;
    Ok(super::ready(said(site.file(), written), done)
        .with("written", written)
        .with("roles", vec![roles.application.as_str(), roles.administrator.as_str()]))
}

/// The file with variables, and the statements for one who may run them.
fn printed(
    site: &Site<'_>,
    options: &InitPostgres,
    roles: &Roles<'_>,
    reason: Option<String>,
) -> Result<Answer, Failure> {
    let text = file::for_postgres(options, &Urls::Variables)?;
    let sql = roles::sql(roles);
    if options.dry_run {
        let shown = format!("{text}\n{sql}");
        return Ok(Answer::new(shown)
            .with("dry_run", true)
            .with("file", text)
            .with("sql", sql));
    }
    let written = file::write(site.file(), &text)?;
    let mut answer = Answer::new(sql.clone()).with("sql", sql).with("written", written);
    if let Some(reason) = reason {
        answer = answer.ending(Exit::Part).with("reason", reason.as_str()).advise(reason);
    }
    Ok(answer
        .advise("run the statements, set `DATABASE_URL` and `DATABASE_ADMIN_URL`, and then:")
        .run("init"))
}

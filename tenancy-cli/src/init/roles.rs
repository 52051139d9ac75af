//! The two roles and the database, as statements and as what is there.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};
use tenancy_sqlx::PgIdentifier;

use super::Roles;
use crate::output::{Failure, chain};

/// The statements, for one who may run them. They have no passwords.
pub(super) fn sql(roles: &Roles<'_>) -> String {
    let Roles {
        application,
        administrator,
        database,
        ..
    } = roles;
    format!(
        "-- Run these as a role that may make roles and databases, and give both roles passwords (`\\password` of psql).
create role {application} {LOGIN} nocreatedb;
create role {administrator} {LOGIN} {};
create database {database} owner {administrator};
",
        createdb(roles)
    )
}

const LOGIN: &str = "login nosuperuser nobypassrls nocreaterole noreplication";

const fn createdb(roles: &Roles<'_>) -> &'static str {
    if roles.makes_databases {
        "createdb"
    } else {
        "nocreatedb"
    }
}

/// Makes what is missing. Each role's password is that of its URL.
pub(super) async fn make(
    connection: &mut PgConnection,
    roles: &Roles<'_>,
    application: &str,
    administrator: &str,
) -> Result<(), Failure> {
    role(connection, roles.application, "nocreatedb", application).await?;
    role(connection, roles.administrator, createdb(roles), administrator).await?;
    let there: bool = sqlx::query_scalar("select exists (select from pg_catalog.pg_database where datname = $1)")
        .bind(roles.database.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        own(connection, roles.administrator).await?;
        let sql = format!("create database {} owner {}", roles.database, roles.administrator);
        execute(connection, sql).await?;
    }
    Ok(())
}

/// One who is no superuser gives a database only to a role that it is a member of.
async fn own(connection: &mut PgConnection, role: &PgIdentifier) -> Result<(), Failure> {
    let may: bool = sqlx::query_scalar("select pg_catalog.pg_has_role(current_user, $1, 'member')")
        .bind(role.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if may {
        return Ok(());
    }
    execute(connection, format!("grant {role} to current_user")).await
}

async fn role(
    connection: &mut PgConnection,
    role: &PgIdentifier,
    createdb: &str,
    password: &str,
) -> Result<(), Failure> {
    let there: bool = sqlx::query_scalar("select exists (select from pg_catalog.pg_roles where rolname = $1)")
        .bind(role.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if there {
        return Ok(());
    }
    // The password is letters and digits, as it was made.
    execute(
        connection,
        format!("create role {role} {LOGIN} {createdb} password '{password}'"),
    )
    .await
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Whether the role of the connection may make roles and databases.
pub(super) async fn may_make(connection: &mut PgConnection) -> Result<bool, Failure> {
    let sql = "select rolsuper or rolcreaterole and rolcreatedb from pg_catalog.pg_roles where rolname = current_user";
    let may = sqlx::query_scalar(sql).fetch_one(connection).await;
    may.map_err(|error| Failure::new("database", format!("failed to query the database: {}", chain(&error))))
}

/// The password of a URL, in its plain form: what was made is letters and digits.
pub(super) fn password_of(options: &PgConnectOptions) -> Result<String, Failure> {
    use sqlx::ConnectOptions as _;
    let url = options.to_url_lossy();
    let password = url.password().unwrap_or_default();
    if !password.is_empty() && password.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(password.to_owned());
    }
    Err(Failure::new(
        "unreadable_file",
        "the file of a role's URL holds another password than `init` makes",
    )
    .advise("make the roles by `init postgres --print-sql`, and set the variables"))
}

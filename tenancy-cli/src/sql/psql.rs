//! `psql` in the session of one tenant.

use std::process::Command;

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Postgres};
use tenancy::Description;
use tenancy::directory::TenantEntry as _;
use tenancy_sqlx::{DirectoryEntry, PgTenantSession};

use crate::output::{Answer, Failure};
use crate::site::Site;

/// Takes the place of this process, so that the terminal and its signals are `psql`'s own.
pub(crate) async fn psql(site: &Site<'_>, tenant: &DirectoryEntry, write: bool) -> Result<Answer, Failure> {
    if site.output.is_json() {
        return Err(Failure::usage("`psql` prints no JSON").advise("give a statement by `--command`"));
    }
    let description: Description<Postgres> = site.open().describe().await?;
    let session = description.session_of(tenant.record()).await?;
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--set", "ON_ERROR_STOP=on"]);
    command.args(["--set", &format!("PROMPT1={}=> ", tenant.record().id)]);
    for (name, value) in environment(&session, write) {
        command.env(name, value);
    }
    for inherited in [
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGHOSTADDR",
        "PGPASSFILE",
        "PGTARGETSESSIONATTRS",
    ] {
        command.env_remove(inherited);
    }
    Err(start(&mut command))
}

#[cfg(unix)]
fn start(command: &mut Command) -> Failure {
    failed(&std::os::unix::process::CommandExt::exec(command))
}

#[cfg(not(unix))]
fn start(command: &mut Command) -> Failure {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::new("no_psql", format!("failed to start `psql`: {error}"))
        .advise("install PostgreSQL's client, or give a statement by `--command`")
}

/// Where the session is, as whom, and its settings: in the environment, since arguments are seen by every user.
fn environment(session: &PgTenantSession, write: bool) -> Vec<(&'static str, String)> {
    let connect = session.connect_options();
    let mut options = connect.get_options().unwrap_or_default().to_owned();
    let read_only = (!write).then_some(("default_transaction_read_only", "on"));
    for (name, value) in session.settings().chain(read_only) {
        options.push_str(&format!(" -c {}={}", escaped(name), escaped(value)));
    }
    let host = match connect.get_socket() {
        Some(socket) => socket.to_string_lossy().into_owned(),
        None => connect.get_host().to_owned(),
    };
    vec![
        ("PGHOST", host),
        ("PGPORT", connect.get_port().to_string()),
        ("PGUSER", connect.get_username().to_owned()),
        ("PGDATABASE", connect.get_database().unwrap_or_default().to_owned()),
        ("PGPASSWORD", password(connect)),
        ("PGSSLMODE", ssl_mode(connect.get_ssl_mode()).to_owned()),
        ("PGAPPNAME", "tenancy sql".to_owned()),
        ("PGOPTIONS", options.trim().to_owned()),
    ]
}

/// In `PGOPTIONS` white space ends an option unless a backslash is before it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() || character == '\\' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn password(connect: &PgConnectOptions) -> String {
    let url = connect.to_url_lossy();
    let password = url.password().unwrap_or_default();
    percent_decode_str(password).decode_utf8_lossy().into_owned()
}

const fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_setting_is_one_option() {
        assert_eq!(escaped(r#""tenant_a b", pg_temp"#), r#""tenant_a\ b",\ pg_temp"#);
        assert_eq!(escaped(r"a\b"), r"a\\b");
    }
}

//! The text of a new `tenancy.toml`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use toml::Value;

use super::strategies;
use crate::args::{Described, InitPostgres, InitSqlite, Strategy};
use crate::output::Failure;

const HEAD: &str =
    "# What a service and its operators open. `tenancy.example.toml` of the crate `tenancy` has every key.
version = 1

[resolution]                        # how requests name tenants
resolvers = [\"header\"]
header_name = \"x-tenant-id\"

[enforcement]                       # who is let in
membership = \"directory\"
";

const NO_ISSUER: &str = "
# [jwt]                             # whose tokens are accepted
# issuer = \"https://issuer.example.com\"
# audience = \"service\"
# keys = [{ kid = \"1\", algorithm = \"RS256\", public_key_file = \"issuer.pem\" }]
";

/// What every file begins with.
fn head(described: &Described) -> Result<String, Failure> {
    let (Some(issuer), Some(audience)) = (&described.issuer, &described.audience) else {
        return Ok(format!("{HEAD}{NO_ISSUER}"));
    };
    let (issuer, audience) = (quoted(issuer), quoted(audience));
    let (table, keys) = match &described.secret_file {
        Some(secret) => (
            "[jwt]                               #",
            format!("keys = [{{ algorithm = \"HS256\", secret_file = {} }}]", path(secret)?),
        ),
        None => (
            "[[jwt.issuers]]                     #",
            "discovery = true                    # it is asked where its keys are".to_owned(),
        ),
    };
    Ok(format!(
        "{HEAD}\n{table} whose tokens are accepted\nissuer = {issuer}\naudience = {audience}\n{keys}\n"
    ))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn path(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| Failure::usage("a path is not UTF-8"))?;
    Ok(quoted(text))
}

pub(super) fn for_sqlite(options: &InitSqlite) -> Result<String, Failure> {
    let described = &options.described;
    let mut text = head(described)?;
    let _ = write!(
        text,
        "\n[directory]                         # tenants, names and members\nfile = {}\n",
        path(&options.folder.join("directory.sqlite"))?
    );
    for strategy in strategies(described) {
        match strategy {
            Strategy::Row => {
                let _ = write!(
                    text,
                    "\n[strategies.row]                    # rows of shared tables\nfile = {}\ntables = [\n{}]\n",
                    path(&options.folder.join("shared.sqlite"))?,
                    sqlite_tables(described)?
                );
                migrations(&mut text, described.row_migrations.as_deref())?;
            }
            Strategy::Database => {
                let _ = write!(
                    text,
                    "\n[strategies.database]               # a file for each tenant\nfolder = {}\n",
                    path(&options.folder.join("tenants"))?
                );
                migrations(&mut text, described.migrations.as_deref())?;
            }
            Strategy::Schema => {
                return Err(Failure::usage("SQLite has no schemas")
                    .advise("give `--strategy row` or `--strategy database`, or `init postgres`"));
            }
        }
    }
    Ok(text)
}

fn sqlite_tables(described: &Described) -> Result<String, Failure> {
    require_tables(described)?;
    let mut tables = String::new();
    for table in &described.tables {
        let Some((name, base)) = table.split_once('=') else {
            return Err(Failure::usage(format!("`{table}` names no base table"))
                .advise("write it as NAME=BASE, as in `--table notes=notes_rows`"));
        };
        let _ = writeln!(
            tables,
            "    {{ name = {}, base_table = {} }},",
            quoted(name),
            quoted(base)
        );
    }
    Ok(tables)
}

fn require_tables(described: &Described) -> Result<(), Failure> {
    if described.tables.is_empty() {
        return Err(Failure::usage("the strategy `row` needs the tables that tenants share").advise("give `--table`"));
    }
    Ok(())
}

/// How the file names the URLs of both roles.
pub(super) enum Urls<'u> {
    /// By variables, which the operator sets.
    Variables,
    /// By files, relative to this one.
    Files {
        application: &'u str,
        administrator: &'u str,
    },
}

pub(super) fn for_postgres(options: &InitPostgres, urls: &Urls<'_>) -> Result<String, Failure> {
    let described = &options.described;
    let mut text = head(described)?;
    text.push_str("\n[database]                          # the application's role, and the administrator's\n");
    match urls {
        Urls::Variables => {
            text.push_str("url_env = \"DATABASE_URL\"\nadministrator_url_env = \"DATABASE_ADMIN_URL\"\n");
        }
        Urls::Files {
            application,
            administrator,
        } => {
            let _ = write!(
                text,
                "url_file = {}\nadministrator_url_file = {}\n",
                quoted(application),
                quoted(administrator)
            );
        }
    }
    for strategy in strategies(described) {
        match strategy {
            Strategy::Row => {
                require_tables(described)?;
                let tables: Vec<String> = described.tables.iter().map(|table| quoted(table)).collect();
                let _ = write!(
                    text,
                    "\n[strategies.row]                    # rows of shared tables\ntables = [{}]\n",
                    tables.join(", ")
                );
                migrations(&mut text, described.row_migrations.as_deref())?;
            }
            Strategy::Schema => {
                text.push_str("\n[strategies.schema]                 # a schema for each tenant\n");
                migrations(&mut text, described.migrations.as_deref())?;
            }
            Strategy::Database => {
                let _ = write!(
                    text,
                    "\n[strategies.database]               # a database for each tenant\nprefix = {}\n",
                    quoted(&format!("{}_", options.database.as_str()))
                );
                migrations(&mut text, described.migrations.as_deref())?;
            }
        }
    }
    Ok(text)
}

fn migrations(text: &mut String, folder: Option<&Path>) -> Result<(), Failure> {
    if let Some(folder) = folder {
        let _ = writeln!(text, "migrations = {}", path(folder)?);
    }
    Ok(())
}

/// The text of a file; `None` if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(
            "unreadable_file",
            format!("failed to read `{}`: {error}", path.display()),
        )),
    }
}

/// Writes a file where there is none. Returns `false` if it is there with this text already; never replaces another.
pub(super) fn write(path: &Path, text: &str) -> Result<bool, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "unwritable_file",
            format!("failed to write `{}`: {error}", path.display()),
        )
        .advise("make its folder, or name another file by `--file`")
    };
    if let Some(there) = read(path)? {
        return if there == text {
            Ok(false)
        } else {
            Err(Failure::new(
                "file_exists",
                format!("`{}` exists already, and describes something else", path.display()),
            )
            .run("init")
            .advise("or name another file by `--file`"))
        };
    }
    // Whole or not at all, and not over one that somebody else writes meanwhile.
    let beside = beside(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(failed)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => write(path, text),
        linked => linked.map(|()| true).map_err(failed),
    }
}

fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

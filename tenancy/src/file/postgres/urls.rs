//! How a server is reached: the URLs that a table names, read from variables and files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::PgServer;

use crate::file::Check;
use crate::file::pasted::holds_password;
use crate::file::variables::NoVariable;

/// A server by its URLs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) application: PgConnectOptions,
    pub(crate) administrator: Option<PgConnectOptions>,
}

impl Server {
    pub(crate) fn roles(&self) -> PgServer {
        match &self.administrator {
            Some(administrator) => PgServer::new(self.application.clone(), administrator.clone()),
            None => PgServer::application_only(self.application.clone()),
        }
    }
}

/// The four keys of a table that name URLs.
pub(super) struct Urls<'u> {
    pub(super) url_env: Option<&'u str>,
    pub(super) url_file: Option<&'u Path>,
    pub(super) administrator_url_env: Option<&'u str>,
    pub(super) administrator_url_file: Option<&'u Path>,
}

/// The URLs of a table of the file.
macro_rules! urls {
    ($table:expr) => {
        Urls {
            url_env: $table.url_env.as_deref(),
            url_file: $table.url_file.as_deref(),
            administrator_url_env: $table.administrator_url_env.as_deref(),
            administrator_url_file: $table.administrator_url_file.as_deref(),
        }
    };
}
pub(super) use urls;

/// What a table's URLs come to.
#[derive(Clone)]
pub(super) enum Reach {
    /// The table names none.
    Absent,
    /// Something is wrong, and noted.
    Wrong,
    Server(Box<Server>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Application,
    Administrator,
}

impl Role {
    const fn whose(self) -> &'static str {
        match self {
            Self::Application => "the application's",
            Self::Administrator => "the administrator's",
        }
    }
}

enum Found {
    Absent,
    Wrong,
    Url(Box<PgConnectOptions>),
}

impl Urls<'_> {
    /// Reads the URLs of the table `key`.
    pub(super) fn reach(&self, key: &str, check: &mut Check) -> Reach {
        let application = url(
            Role::Application,
            (key, "url_env", self.url_env),
            ("url_file", self.url_file),
            check,
        );
        let administrator = url(
            Role::Administrator,
            (key, "administrator_url_env", self.administrator_url_env),
            ("administrator_url_file", self.administrator_url_file),
            check,
        );
        let names_administrator = self.administrator_url_env.is_some() || self.administrator_url_file.is_some();
        let administrator = match (application, administrator) {
            (Found::Wrong, _) | (_, Found::Wrong) => return Reach::Wrong,
            (Found::Absent, _) if !names_administrator => return Reach::Absent,
            (Found::Absent, _) => {
                check.missing(
                    format!("{key}.url_env"),
                    "required beside the administrator's: the environment variable that holds the application's URL",
                );
                return Reach::Wrong;
            }
            (Found::Url(application), Found::Absent) => {
                return Reach::Server(Box::new(Server {
                    application: *application,
                    administrator: None,
                }));
            }
            (Found::Url(application), Found::Url(administrator)) => (application, administrator),
        };
        let (application, administrator) = administrator;
        if application.get_username() == administrator.get_username() {
            let named = if self.administrator_url_env.is_some() {
                "administrator_url_env"
            } else {
                "administrator_url_file"
            };
            check.problem(
                format!("{key}.{named}"),
                "both URLs are of one role, which would see every tenant: make the application a role of its own",
            );
            return Reach::Wrong;
        }
        Reach::Server(Box::new(Server {
            application: *application,
            administrator: Some(*administrator),
        }))
    }
}

/// One URL, by its variable or its file.
fn url(
    role: Role,
    (table, env, variable): (&str, &str, Option<&str>),
    (file, path): (&str, Option<&Path>),
    check: &mut Check,
) -> Found {
    let (text, key) = match (variable, path) {
        (None, None) => return Found::Absent,
        (Some(_), Some(_)) => {
            check.problem(
                format!("{table}.{env}"),
                format!("contradicts `{table}.{file}`: remove one"),
            );
            return Found::Wrong;
        }
        (Some(variable), None) => (from_variable(role, variable, check), format!("{table}.{env}")),
        (None, Some(path)) => (from_file(role, path, check), format!("{table}.{file}")),
    };
    let problem = match text {
        Ok(None) => return Found::Absent,
        Ok(Some(text)) => match parse(text.trim()) {
            Ok(url) => return Found::Url(Box::new(url)),
            Err(problem) => problem,
        },
        Err(problem) => problem,
    };
    check.problem(key, problem);
    Found::Wrong
}

fn from_variable(role: Role, variable: &str, check: &Check) -> Result<Option<String>, String> {
    match check.variables.get(variable) {
        Ok(text) if text.trim().is_empty() && role == Role::Administrator => Err(format!(
            "the environment variable `{variable}` is empty: unset it to serve without the administrator"
        )),
        Ok(text) if text.trim().is_empty() => Err(format!(
            "the environment variable `{variable}` is empty: set it to {} URL, `{FORM}`",
            role.whose()
        )),
        Ok(text) => Ok(Some(text)),
        Err(NoVariable::Unset) if role == Role::Administrator => Ok(None),
        Err(NoVariable::Unset) => Err(format!(
            "the environment variable `{variable}` is not set: set it to {} URL, `{FORM}`",
            role.whose()
        )),
        Err(NoVariable::NotUnicode) => Err(format!("the environment variable `{variable}` is not UTF-8")),
        Err(NoVariable::NoName) => Err(
            "expected the name of an environment variable, such as `DATABASE_URL`, and not what it holds".to_owned(),
        ),
    }
}

fn from_file(role: Role, path: &Path, check: &Check) -> Result<Option<String>, String> {
    let given = path.to_string_lossy();
    if given.contains("://") || holds_password(&given) {
        return Err("expected the path of a file that holds the URL, and not the URL itself".to_owned());
    }
    let path: PathBuf = check.path(path);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => Err(format!("the file `{}` is empty", path.display())),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound && role == Role::Administrator => Ok(None),
        Err(error) => Err(format!("failed to read `{}`: {error}", path.display())),
    }
}

const FORM: &str = "postgres://ROLE:PASSWORD@HOST/DATABASE";

/// Neither the URL nor sqlx's words about it are shown: there may be a password in it.
fn parse(text: &str) -> Result<PgConnectOptions, String> {
    let form = || format!("this is no URL of a PostgreSQL database: expected `{FORM}`");
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"));
    let rest = rest.ok_or_else(form)?;
    let url = PgConnectOptions::from_str(text).map_err(|_| form())?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let names_role = authority
        .split_once('@')
        .is_some_and(|(user, _)| !user.is_empty() && !user.starts_with(':'));
    if !names_role && !rest.contains("user=") {
        return Err(format!("the URL names no role: expected `{FORM}`"));
    }
    if url.get_database().is_none_or(str::is_empty) {
        return Err(format!("the URL names no database: expected `{FORM}`"));
    }
    Ok(url)
}

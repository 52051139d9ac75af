//! Secrets that are made, in files that nobody else may read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::output::Failure;

/// The URL of a role: the one of the file, or a new one with a password that is made now. It is written before the role is
/// made, so that no password is ever lost.
pub(super) fn url(path: &Path, role: &PgConnectOptions) -> Result<PgConnectOptions, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "unwritable_file",
            format!("failed to write `{}`: {error}", path.display()),
        )
    };
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let password = made_up();
            let options = role.clone().password(&password);
            let mut file = match new_file().open(path) {
                // Another process has made it meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return url(path, role),
                opened => opened.map_err(failed)?,
            };
            writeln!(file, "{}", options.to_url_lossy()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            Ok(options)
        }
        Err(error) => Err(failed(error)),
    }
}

/// A secret that tokens are signed with, in a file that is left as it is if it is there.
pub(super) fn shared(path: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "unwritable_file",
            format!("failed to write `{}`: {error}", path.display()),
        )
    };
    match new_file().open(path) {
        Ok(mut file) => {
            writeln!(file, "{}", made_up()).map_err(failed)?;
            file.sync_all().map_err(failed)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Letters and digits that nobody can guess.
fn made_up() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// A file that is not there yet, and that nobody else may read.
fn new_file() -> OpenOptions {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    new
}

/// Neither the URL nor sqlx's words about it are shown.
fn parse(path: &Path, text: &str) -> Result<PgConnectOptions, Failure> {
    text.trim().parse().map_err(|_| {
        Failure::new("unreadable_file", format!("`{}` holds no URL", path.display()))
            .advise("remove the file, unless the role has that password already")
    })
}

//! What the processes of the tests' servers share: the user that they run as, its files, and a port.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use crate::command::{Failure, program};

/// PostgreSQL refuses to run as root; then it runs as its own user, or as nobody.
pub(crate) fn user() -> Result<Option<(u32, u32)>, Failure> {
    if program("id").args(["-u"]).quietly()?.trim() != "0" {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| Failure::new(format!("/etc/passwd: {error}")))?;
    let named = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields.as_slice() {
                [user, _, uid, gid, ..] if *user == name => Some((uid.parse().ok()?, gid.parse().ok()?)),
                _ => None,
            }
        })
    };
    named("postgres")
        .or_else(|| named("nobody"))
        .map(Some)
        .ok_or_else(|| Failure::new("PostgreSQL cannot run as root, and there is no user `postgres` or `nobody`"))
}

/// Makes the server's user the owner of a file.
pub(crate) fn give(path: &Path, user: Option<(u32, u32)>) -> Result<(), Failure> {
    let Some((uid, gid)) = user else { return Ok(()) };
    chown(path, Some(uid), Some(gid))
        .map_err(|error| Failure::new(format!("give {} to the server's user: {error}", path.display())))
}

/// A command that runs as the server's user.
pub(crate) fn as_user(binary: impl AsRef<OsStr>, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(binary);
    // Its own settings alone; and a folder that the user can look into.
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    command.current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// A port of this machine that nothing listens on.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

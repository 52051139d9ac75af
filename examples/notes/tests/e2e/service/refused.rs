//! Configurations that must not start.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::service::server::{Folder, wait};
use crate::service::setup::Setup;

/// Starts with a configuration that must be refused, and answers what is said on standard error.
pub(crate) fn refused(folder: &Folder) -> Result<String, String> {
    refused_command(folder.command())
}

/// The same of a command with options of its own.
pub(crate) fn refused_command(mut command: Command) -> Result<String, String> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let Some(status) = wait(&mut child, Duration::from_secs(15)) else {
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        return Err(format!(
            "it runs, and printed {}",
            String::from_utf8_lossy(&output.stdout)
        ));
    };
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if status.success() || stdout.contains("listening") {
        return Err(format!("{status}, and printed {stdout}"));
    }
    // A panic is no message.
    if stderr.contains("panicked") || status.code().is_none() {
        return Err(format!("{status}: {stderr}"));
    }
    Ok(stderr.into_owned())
}

/// Checks a table of configurations, each with words that the message must have; `|` stands between alternatives.
pub(crate) fn check_refused(rows: &[(&str, String, &[&str])]) {
    let mut wrong = String::new();
    for (what, toml, words) in rows {
        match refused(&Folder::new(toml)) {
            Ok(message) => {
                for word in words
                    .iter()
                    .filter(|word| !word.split('|').any(|word| message.contains(word)))
                {
                    wrong.push_str(&format!("\n  {what}: `{word}` is missing from {message:?}"));
                }
            }
            Err(found) => wrong.push_str(&format!("\n  {what}: {found}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the tables of refusals start from. It is fine as it is.
pub(crate) fn header() -> Setup {
    Setup::new(&["header"])
}

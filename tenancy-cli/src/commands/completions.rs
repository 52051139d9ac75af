//! Completions of a shell.

use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::output::Answer;

pub(crate) fn completions(cli: &Cli, shell: Shell) -> Answer {
    let mut command = cli.command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Answer::new(script.clone())
        .with("shell", shell.to_string())
        .with("script", script)
}

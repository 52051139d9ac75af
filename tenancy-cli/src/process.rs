//! The command as a process: its arguments, and how it ends.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use crate::args::Args;
use crate::cli::Cli;
use crate::output::{Exit, Failure, Output};
use crate::run;

impl Cli {
    /// Runs the command that the process's arguments are. It makes a runtime of its own: call it from a `main` without one.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.run_with(env::args_os())
    }

    /// As [`run`](Self::run), with these arguments; the first is the command's name, and not read.
    #[must_use]
    pub fn run_with(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let args = match self.parse(&arguments) {
            Ok(args) => args,
            Err(error) => return self.refuse(&arguments, &error),
        };
        let output = Output::new(self.name(), args.global.json);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => {
                let exit = runtime.block_on(run::run(self, args, &output));
                // What still holds a connection does not keep the command from ending.
                runtime.shutdown_background();
                exit.into()
            }
            Err(error) => output
                .fail(&Failure::new("internal", format!("failed to start: {error}")))
                .into(),
        }
    }

    fn parse(&self, arguments: &[OsString]) -> Result<Args, clap::Error> {
        let mut command = self.command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Help goes to stdout and is no error.
    fn refuse(&self, arguments: &[OsString], error: &clap::Error) -> ExitCode {
        let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if is_help {
            let printed = error.print();
            return if printed.is_ok() { Exit::Done } else { Exit::Failed }.into();
        }
        let json = arguments.iter().any(|argument| argument == "--json");
        if json {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim();
            let failure = Failure::usage(text);
            return Output::new(self.name(), true).fail(&failure).into();
        }
        // Nothing can be done where even that fails.
        let _ = error.print();
        Exit::Usage.into()
    }
}

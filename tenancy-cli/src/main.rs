//! The command `tenancy`, for services whose migrations are in folders that their `tenancy.toml` names.

use std::process::ExitCode;

use tenancy_cli::Cli;

fn main() -> ExitCode {
    Cli::new("tenancy").run()
}

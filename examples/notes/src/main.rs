//! `notes`: a small multi-tenant notes service.
//!
//! Without options it serves a demo on 127.0.0.1:3000, and prints the link of a page that acts as its members and shows how
//! each request is decided. With a configuration, SIGHUP makes it read the file's tenants again.

mod app;
mod args;
mod config;
mod demo;
mod page;
mod serve;
mod server;
mod set_up;
mod store;
mod tenants;
mod web;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::{Args, Command};
use crate::config::Config;

/// What ends the program.
type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    log(&args);
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("notes: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn log(args: &Args) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let explanations = args.has_page().then(page::catch_explanations);
    tracing_subscriber::registry().with(lines).with(explanations).init();
}

async fn run(args: Args) -> Result<(), Error> {
    match args.command {
        Some(Command::Token(token)) => {
            let config = Config::load(token.config.as_deref().or(args.config.as_deref()), demo::CONFIG)?;
            let token = config.sign(&token.subject, token.tenant.as_deref(), token.expires_in)?;
            writeln!(std::io::stdout(), "{token}")?;
            Ok(())
        }
        None => serve::serve(args).await,
    }
}

/// An error with all its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

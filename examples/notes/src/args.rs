use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// A small multi-tenant notes service.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The configuration, in TOML; the built-in demo without it. SIGHUP: read its tenants again
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    /// Where the data is, by default `sqlite:notes-data`: `sqlite:DIR`, or `postgres://USER@HOST/DATABASE` as the administrator: the database's owner,
    /// with CREATEDB for tenants of the strategy `database`, and with CREATEROLE unless `--application` is given
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// On PostgreSQL, `postgres://ROLE:PASSWORD@HOST/DATABASE` of the application's role, which is there already: no
    /// superuser, and not the administrator. Without it the administrator makes a role, and needs CREATEROLE. Without
    /// `--database` the process only serves what an administrator has set up, as in production
    #[arg(long, value_name = "URL")]
    pub(crate) application: Option<String>,

    /// Which web framework serves
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    pub(crate) framework: Framework,

    /// Serve a page, too, that acts as any member and shows how requests are decided: for development, on a loopback address
    /// alone. The built-in demo has it there without being asked
    #[arg(long)]
    pub(crate) page: bool,

    /// Print requests of the built-in demo to paste into a shell
    #[arg(long, conflicts_with = "config")]
    pub(crate) curl: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Whether the page is served.
    pub(crate) fn has_page(&self) -> bool {
        self.page || self.config.is_none() && self.listen.ip().is_loopback()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Framework {
    Axum,
    Hyper,
    Poem,
    Warp,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a token, signed with the first HS256 key of the configuration
    Token(TokenArgs),
}

#[derive(Debug, Parser)]
pub(crate) struct TokenArgs {
    /// Who the token is for
    #[arg(long)]
    pub(crate) subject: String,

    /// The tenant that the token names, in the form of its claim
    #[arg(long)]
    pub(crate) tenant: Option<String>,

    /// How long the token holds, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, allow_negative_numbers = true)]
    pub(crate) expires_in: i64,

    /// The configuration, in TOML; the built-in demo without it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

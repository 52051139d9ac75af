//! The commands about impersonation.

use std::time::Duration;

use clap::Subcommand;
use tenancy::names::{GrantId, Subject, TenantId};

use super::change::Change;
use super::tenant::issuer;

#[derive(Debug, Subcommand)]
pub(crate) enum ImpersonationCommand {
    /// Let somebody enter a tenant for a while, to read. Prints a secret, which they redeem once.
    Grant(Box<GrantImpersonation>),
    /// List the grants and sessions that last.
    List,
    /// Write the events of those that have expired. Making a grant does it, too.
    Sweep {
        #[command(flatten)]
        change: Change,
    },
    /// End a grant, or the session that it was redeemed for.
    End {
        /// The grant's id.
        #[arg(value_name = "GRANT")]
        grant: GrantId,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Debug, clap::Args)]
#[group(id = "why", required = true, args = ["reason"])]
pub(crate) struct GrantImpersonation {
    /// The tenant's id.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// Who is let in, as logs and events name them.
    #[arg(long, value_name = "WHO")]
    pub(crate) to: Subject,
    /// How long it lasts from now, redeemed or not, such as `10m`; an hour at most.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub(crate) lifetime: Duration,
    /// Let them see what this member sees, by the token's subject [default: they are there as themselves, in no roles].
    #[arg(long = "as", value_name = "SUBJECT")]
    pub(crate) subject: Option<Subject>,
    /// The issuer of the member's tokens [default: none, for a membership that names none].
    #[arg(long, requires = "subject", value_parser = issuer)]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}

//! The commands about tenants, their members, domains and events.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use clap::Subcommand;
use tenancy::directory::TenantStatus;
use tenancy::names::{Domain, ExternalId, PlacementName, Role, Slug, StrategyName, Subject, TenantId};
use tenancy_sqlx::CursorName;

use super::OneTenant;
use super::change::{Change, Confirmed};
use super::selection::{Filter, Selection};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// List tenants.
    List(ListTenants),
    /// Show one tenant: its names, status, jobs and latest events.
    Show(OneTenant),
    /// Create a tenant with the place for its data. Interrupted, the same command goes on.
    Create(Box<CreateTenant>),
    /// Change a tenant's slug, name or external id.
    Rename(RenameTenant),
    /// Stop serving tenants for now.
    Suspend(LeadTenants),
    /// Serve suspended tenants again.
    Activate(LeadTenants),
    /// End the service of tenants. Their data stays until they are deleted.
    Archive(LeadTenants),
    /// Take archived tenants back. They are suspended then.
    Restore(LeadTenants),
    /// Delete an archived tenant for good, with its data. Interrupted, the same command goes on.
    Delete(DeleteTenant),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListTenants {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// List at most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroU32>,
    /// Begin behind this id.
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<TenantId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateTenant {
    /// The tenant's id, which never changes: `a-z`, `0-9`, `_` and `-`.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// How its data is kept apart: row, schema, database, or one of the service's own [default: the only one of the file].
    #[arg(long)]
    pub(crate) strategy: Option<StrategyName>,
    /// The name in addresses [default: the id].
    #[arg(long)]
    pub(crate) slug: Option<Slug>,
    /// The name that people read [default: the id].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The identity provider's organisation id.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<ExternalId>,
    /// Where its data is, such as which server [default: the strategy's own place].
    #[arg(long)]
    pub(crate) placement: Option<PlacementName>,
    /// A host name of the tenant's own; may be given several times.
    #[arg(long = "domain", value_name = "HOST")]
    pub(crate) domains: Vec<Domain>,
    /// A first member, by the token's subject; may be given several times. `member add` gives roles.
    #[arg(long = "member", value_name = "SUBJECT")]
    pub(crate) members: Vec<Subject>,
    /// The status that the creation ends in: active, suspended or archived.
    #[arg(long, default_value = "active", value_parser = final_status)]
    pub(crate) status: TenantStatus,
    /// Complete the creation of a tenant that somebody else began, whatever they gave.
    #[arg(long, conflicts_with_all = ["strategy", "slug", "name", "external_id", "placement", "domains", "members", "status"])]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}

fn final_status(text: &str) -> Result<TenantStatus, String> {
    match text.parse() {
        Ok(TenantStatus::Provisioning) | Err(_) => Err("expected `active`, `suspended` or `archived`".to_owned()),
        Ok(status) => Ok(status),
    }
}

#[derive(Debug, clap::Args)]
#[group(id = "names", required = true, multiple = true, args = ["slug", "name", "external_id", "no_external_id"])]
pub(crate) struct RenameTenant {
    /// The tenant's id.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// The new name in addresses. The old one goes to no other tenant for a while.
    #[arg(long)]
    pub(crate) slug: Option<Slug>,
    /// The new name that people read.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The identity provider's organisation id.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<ExternalId>,
    /// Take the external id away.
    #[arg(long, conflicts_with = "external_id")]
    pub(crate) no_external_id: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LeadTenants {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteTenant {
    /// The tenant's id.
    #[arg(value_name = "ID")]
    pub(crate) id: TenantId,
    /// How long the tenant must have been archived, such as `30d`, `12h` or `0s`.
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
    /// The id again, where there is no terminal to type it on.
    #[arg(long, value_name = "ID")]
    pub(crate) confirm: Option<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// List the members of a tenant.
    List {
        #[command(flatten)]
        tenant: OneTenant,
    },
    /// Make somebody a member, or set the roles of one.
    Add {
        #[command(flatten)]
        tenant: OneTenant,
        /// The token's subject.
        subject: Subject,
        /// A role in the tenant; may be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
        /// The token's issuer [default: any].
        #[arg(long, value_parser = issuer)]
        issuer: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// End a membership.
    Remove {
        #[command(flatten)]
        tenant: OneTenant,
        /// The token's subject.
        subject: Subject,
        /// The issuer that the membership names [default: the membership that names none].
        #[arg(long, value_parser = issuer)]
        issuer: Option<String>,
        /// End the memberships of every issuer's subject of that name.
        #[arg(long, conflicts_with = "issuer")]
        every_issuer: bool,
        #[command(flatten)]
        change: Change,
    },
}

pub(super) fn issuer(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("an issuer is not empty");
    }
    Ok(text.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// List the domains of a tenant.
    List {
        #[command(flatten)]
        tenant: OneTenant,
    },
    /// Give a tenant one more domain.
    Add {
        #[command(flatten)]
        tenant: OneTenant,
        /// The host name.
        domain: Domain,
        #[command(flatten)]
        change: Change,
    },
    /// Take a domain from a tenant. It goes to no other tenant for a while.
    Remove {
        #[command(flatten)]
        tenant: OneTenant,
        /// The host name.
        domain: Domain,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// List events, the oldest first.
    List(ListEvents),
    /// Print events as they come, a line each, until it is interrupted.
    Tail(TailEvents),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListEvents {
    /// Events of this tenant alone.
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<TenantId>,
    /// Begin behind the event of this number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: i64,
    /// List at most so many.
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: NonZeroU16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TailEvents {
    /// Events of this tenant alone.
    #[arg(long, value_name = "ID", conflicts_with = "cursor")]
    pub(crate) tenant: Option<TenantId>,
    /// Begin behind the event of this number [default: the last one].
    #[arg(long, value_name = "N", conflicts_with = "cursor")]
    pub(crate) after: Option<i64>,
    /// Begin where a reader of this name ended, and remember how far this one has read: `a-z`, `0-9`, `_` and `-`. Events
    /// that a reader has not read are not purged.
    #[arg(long, value_name = "NAME")]
    pub(crate) cursor: Option<CursorName>,
    /// End after so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroU32>,
    /// How often to look for new ones, such as `1s`.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) every: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    // Any shorter, and it would do nothing but look.
    Ok(interval.max(Duration::from_millis(10)))
}

//! From the arguments to the command, on the database that the file is for.

use std::fs;

use sqlx::{Postgres, Sqlite};

use crate::args::{
    Args, Command, DEFAULT_FILE, DomainCommand, EventCommand, FenceCommand, ImpersonationCommand, MemberCommand,
    MigrateCommand, RunCommand, SettingsCommand, TenantCommand,
};
use crate::check::{Checked, check, verify};
use crate::cli::Cli;
use crate::commands::{completions, domains, events, impersonations, members, settings, tenants};
use crate::database::{Database, database_in};
use crate::explain::explain;
use crate::fence;
use crate::init::init;
use crate::interrupt::Interrupt;
use crate::migrate;
use crate::output::{Answer, Exit, Failure, Output};
use crate::site::{Operated, Site};
use crate::sql::{Sessions, Statements, sql};

/// Runs a command, prints what it comes to, and returns how the process is to end.
pub(crate) async fn run(cli: Cli, args: Args, output: &Output) -> Exit {
    let mut options = String::new();
    if args.global.file.as_os_str() != DEFAULT_FILE {
        options = format!(" --file {}", args.global.file.display());
    }
    let output = &output.clone().with_options(options);
    let site = Site {
        cli: &cli,
        global: &args.global,
        output,
    };
    let ended = match args.command {
        Command::Completions { shell } => Ok(completions(&cli, shell)),
        // There may be no file yet.
        Command::Init(args) => init(&site, &args).await,
        command => match database_of(&site) {
            Ok(Database::Sqlite) => run_on::<Sqlite>(&site, command).await,
            Ok(Database::Postgres) => run_on::<Postgres>(&site, command).await,
            Err(failure) => Err(failure),
        },
    };
    output.end(ended)
}

/// What is wrong with the file, its reader tells.
fn database_of(site: &Site<'_>) -> Result<Database, Failure> {
    let path = site.file();
    let text = fs::read_to_string(path).map_err(|source| tenancy::OpenError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(database_in(&text))
}

async fn run_on<DB: Checked + Sessions + Statements>(site: &Site<'_>, command: Command) -> Result<Answer, Failure> {
    let interrupt = Interrupt::listen();
    match command {
        Command::Tenant(command) => tenant::<DB>(site, command, &interrupt).await,
        Command::Member(command) => member::<DB>(site, command).await,
        Command::Domain(command) => domain::<DB>(site, command).await,
        Command::Settings(command) => setting::<DB>(site, command).await,
        Command::Impersonation(command) => impersonation::<DB>(site, command).await,
        Command::Events(EventCommand::List(list)) => events::list::<DB>(site, &list).await,
        Command::Events(EventCommand::Tail(tail)) => events::tail::<DB>(site, &tail, &interrupt).await,
        Command::Check => check::<DB>(site).await,
        Command::Verify(args) => verify::<DB>(site, args.fix_sql).await,
        Command::Fence(FenceCommand::On(on)) => fence::on::<DB>(site, &on, &interrupt).await,
        Command::Fence(FenceCommand::Status) => fence::status::<DB>(site).await,
        Command::Fence(FenceCommand::Finish(finish)) => fence::finish::<DB>(site, &finish, &interrupt).await,
        Command::Migrate(command) => migrations::<DB>(site, command, &interrupt).await,
        Command::Runs(RunCommand::List { limit }) => migrate::list::<DB>(site, limit).await,
        Command::Runs(RunCommand::Show { run }) => migrate::show::<DB>(site, run).await,
        Command::Adopt(args) => DB::adopt(site, &args).await,
        Command::Sql(args) => sql::<DB>(site, &args).await,
        Command::Explain(args) => explain::<DB>(site, &args).await,
        Command::Init(args) => init(site, &args).await,
        Command::Completions { shell } => Ok(completions(site.cli, shell)),
    }
}

async fn tenant<DB: Operated>(
    site: &Site<'_>,
    command: TenantCommand,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    use tenancy::lifecycle::Verb;
    match command {
        TenantCommand::List(list) => tenants::list::<DB>(site, &list).await,
        TenantCommand::Show(one) => tenants::show::<DB>(site, &one.id).await,
        TenantCommand::Create(create) => tenants::create::<DB>(site, &create).await,
        TenantCommand::Rename(rename) => tenants::rename::<DB>(site, rename).await,
        TenantCommand::Suspend(lead) => tenants::lead::<DB>(site, Verb::Suspend, &lead, interrupt).await,
        TenantCommand::Activate(lead) => tenants::lead::<DB>(site, Verb::Activate, &lead, interrupt).await,
        TenantCommand::Archive(lead) => tenants::lead::<DB>(site, Verb::Archive, &lead, interrupt).await,
        TenantCommand::Restore(lead) => tenants::lead::<DB>(site, Verb::Restore, &lead, interrupt).await,
        TenantCommand::Delete(delete) => tenants::delete::<DB>(site, &delete).await,
    }
}

async fn migrations<DB: Operated>(
    site: &Site<'_>,
    command: MigrateCommand,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    match command {
        MigrateCommand::Plan(plan) => migrate::plan::<DB>(site, &plan, interrupt).await,
        MigrateCommand::Run(run) => migrate::run::<DB>(site, &run, interrupt).await,
        MigrateCommand::Status(status) => migrate::status::<DB>(site, &status).await,
        MigrateCommand::Resume(resume) => migrate::resume::<DB>(site, &resume, interrupt).await,
        MigrateCommand::Drift(drift) => migrate::drift::<DB>(site, &drift, interrupt).await,
    }
}

async fn member<DB: Operated>(site: &Site<'_>, command: MemberCommand) -> Result<Answer, Failure> {
    match command {
        MemberCommand::List { tenant } => members::list::<DB>(site, &tenant.id).await,
        MemberCommand::Add {
            tenant,
            subject,
            roles,
            issuer,
            change,
        } => {
            let member = members::member(subject, roles, issuer.as_deref());
            members::add::<DB>(site, &tenant.id, &member, &change).await
        }
        MemberCommand::Remove {
            tenant,
            subject,
            issuer,
            every_issuer,
            change,
        } => {
            let which = if every_issuer {
                members::Which::OfEveryIssuer
            } else {
                members::Which::Of(issuer.as_deref())
            };
            members::remove::<DB>(site, &tenant.id, &subject, which, &change).await
        }
    }
}

async fn domain<DB: Operated>(site: &Site<'_>, command: DomainCommand) -> Result<Answer, Failure> {
    match command {
        DomainCommand::List { tenant } => domains::list::<DB>(site, &tenant.id).await,
        DomainCommand::Add { tenant, domain, change } => domains::add::<DB>(site, &tenant.id, &domain, &change).await,
        DomainCommand::Remove { tenant, domain, change } => {
            domains::remove::<DB>(site, &tenant.id, &domain, &change).await
        }
    }
}

async fn impersonation<DB: Operated>(site: &Site<'_>, command: ImpersonationCommand) -> Result<Answer, Failure> {
    match command {
        ImpersonationCommand::Grant(grant) => impersonations::grant::<DB>(site, &grant).await,
        ImpersonationCommand::List => impersonations::list::<DB>(site).await,
        ImpersonationCommand::Sweep { change } => impersonations::sweep::<DB>(site, &change).await,
        ImpersonationCommand::End { grant, change } => impersonations::end::<DB>(site, &grant, &change).await,
    }
}

async fn setting<DB: Operated>(site: &Site<'_>, command: SettingsCommand) -> Result<Answer, Failure> {
    match command {
        SettingsCommand::Get { tenant, key } => settings::get::<DB>(site, &tenant.id, key.as_deref()).await,
        SettingsCommand::Set(set) => settings::set::<DB>(site, set).await,
        SettingsCommand::Unset { tenant, key, write } => settings::unset::<DB>(site, &tenant.id, &key, &write).await,
    }
}

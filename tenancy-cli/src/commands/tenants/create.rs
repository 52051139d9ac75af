//! A tenant created, so that the same command goes on after it was interrupted.

use std::num::NonZeroU32;

use tenancy::directory::{Member, TenantEntry as _};
use tenancy::names::StrategyName;
use tenancy::{Data, OpenDatabase};
use tenancy_sqlx::{CreateError, CreationKey, DirectoryEntry, EventKind, NewTenant};

use super::show::record;
use crate::args::CreateTenant;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site, entry};

pub(crate) async fn create<DB: Operated>(site: &Site<'_>, create: &CreateTenant) -> Result<Answer, Failure> {
    let data = site.data::<DB>(&create.change).await?;
    let created = create_in(&data, create).await;
    data.close().await;
    created
}

async fn create_in<DB: OpenDatabase>(data: &Data<DB>, create: &CreateTenant) -> Result<Answer, Failure> {
    let (directory, id) = (&data.directory, &create.id);
    if create.resume {
        return resume(data, create, &entry(directory, id).await?).await;
    }
    let tenant = new_tenant(data, create)?;
    if let Some(known) = directory.find_by_id(id).await? {
        return go_on(data, create, &known).await;
    }
    if create.change.dry_run {
        // What would be refused before anything is written, but for names, which only writing tells.
        return Ok(Answer::new(format!("the tenant `{id}` would be created"))
            .with("dry_run", true)
            .with("id", id.as_str()));
    }
    // Nobody can guess it: who goes on is the administrator, who needs no key.
    match directory.create(&data.db, &tenant, &CreationKey::random()).await {
        Ok(entry) => Ok(done(&entry, true, "is created")),
        // Another operator, at the same moment.
        Err(CreateError::AlreadyExists { .. }) => go_on(data, create, &entry(directory, id).await?).await,
        Err(error) => Err(error.into()),
    }
}

fn new_tenant<DB: OpenDatabase>(data: &Data<DB>, create: &CreateTenant) -> Result<NewTenant, Failure> {
    let strategy = match &create.strategy {
        Some(strategy) => strategy.clone(),
        None => only_strategy(data)?,
    };
    let mut tenant = NewTenant::new(create.id.clone(), strategy).with_status(create.status);
    if let Some(slug) = &create.slug {
        tenant = tenant.with_slug(slug.clone());
    }
    if let Some(name) = &create.name {
        tenant = tenant.with_name(name);
    }
    if let Some(external_id) = &create.external_id {
        tenant = tenant.with_external_id(external_id.clone());
    }
    if let Some(placement) = &create.placement {
        tenant = tenant.with_placement(placement.clone());
    }
    for domain in &create.domains {
        tenant = tenant.with_domain(domain.clone());
    }
    for member in &create.members {
        tenant = tenant.with_member(Member::new(member.clone()));
    }
    Ok(tenant)
}

/// The strategy where none is named: the only one that there is.
fn only_strategy<DB: OpenDatabase>(data: &Data<DB>) -> Result<StrategyName, Failure> {
    let mut names = data.db.strategies().names();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => {
            let names: Vec<&str> = data.db.strategies().names().map(StrategyName::as_str).collect();
            Err(
                Failure::usage("the configuration has several strategies, and none of them is named")
                    .advise(format!("give `--strategy` with one of: {}", names.join(", "))),
            )
        }
    }
}

/// The tenant is there. It is this command's if the same actor began to create it, as the same.
async fn go_on<DB: OpenDatabase>(
    data: &Data<DB>,
    create: &CreateTenant,
    known: &DirectoryEntry,
) -> Result<Answer, Failure> {
    let id = &create.id;
    let exists = |what: String| Failure::new("already_exists", what).run(format!("tenant show {id}"));
    if let Some(difference) = difference(data, create, known)? {
        let what = format!("the tenant `{id}` exists already, with another {difference}");
        return Err(exists(what).advise("choose another id"));
    }
    let first = data.directory.events_of(id, 0, NonZeroU32::MIN).await?;
    let began = first.first().filter(|event| event.kind == EventKind::CREATED);
    if began.is_none_or(|event| event.actor != create.change.attribution().actor().as_str()) {
        let failure = exists(format!(
            "the tenant `{id}` exists already, and somebody else has created it"
        ));
        let jobs = data.directory.jobs_of(id).await?;
        return Err(if jobs.is_some_and(|jobs| jobs.is_creation_unfinished) {
            failure.run(format!("tenant create {id} --resume"))
        } else {
            failure.advise("choose another id")
        });
    }
    resume(data, create, known).await
}

/// What of a tenant is other than requested.
fn difference<DB: OpenDatabase>(
    data: &Data<DB>,
    create: &CreateTenant,
    known: &DirectoryEntry,
) -> Result<Option<&'static str>, Failure> {
    let record = known.record();
    let strategy = match &create.strategy {
        Some(strategy) => strategy.clone(),
        None => only_strategy(data)?,
    };
    let slug = create.slug.clone().unwrap_or_else(|| create.id.to_slug());
    let name = create.name.as_deref().unwrap_or(create.id.as_str());
    let differs = [
        ("strategy", record.strategy != strategy),
        ("placement", record.placement != create.placement),
        ("slug", record.slug != slug),
        ("external id", record.external_id != create.external_id),
        ("name", known.name() != name),
        (
            "domain",
            create.domains.iter().any(|domain| !known.domains().contains(domain)),
        ),
    ];
    Ok(differs.into_iter().find_map(|(what, differs)| differs.then_some(what)))
}

async fn resume<DB: OpenDatabase>(
    data: &Data<DB>,
    create: &CreateTenant,
    known: &DirectoryEntry,
) -> Result<Answer, Failure> {
    let id = &create.id;
    let jobs = data.directory.jobs_of(id).await?;
    let is_unfinished = jobs.is_some_and(|jobs| jobs.is_creation_unfinished);
    if !is_unfinished {
        return Ok(done(known, false, "is created already"));
    }
    if create.change.dry_run {
        return Ok(
            Answer::new(format!("the creation of the tenant `{id}` would be completed"))
                .with("dry_run", true)
                .with("id", id.as_str()),
        );
    }
    let entry = data.directory.resume_creation(&data.db, id).await?;
    Ok(done(&entry, true, "is created"))
}

fn done(entry: &DirectoryEntry, changed: bool, what: &str) -> Answer {
    Answer::new(format!("the tenant `{}` {what}", entry.record().id))
        .with("changed", changed)
        .with("tenant", record(entry))
}

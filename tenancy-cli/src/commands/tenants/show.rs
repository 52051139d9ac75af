//! One tenant.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use serde_json::{Value, json};
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::names::TenantId;
use tenancy_sqlx::{Count, DirectoryEntry, TenantEvent, TenantJobs};

use crate::commands::events;
use crate::output::{Answer, Failure, printable, time};
use crate::site::{Operated, Site, entry, status_of};

/// A tenant, as machines read it.
pub(crate) fn record(entry: &DirectoryEntry) -> Value {
    let tenant = entry.record();
    json!({
        "id": tenant.id.as_str(),
        "status": status_of(entry),
        "strategy": tenant.strategy.as_str(),
        "placement": tenant.placement.as_ref().map(|placement| placement.as_str()),
        "slug": tenant.slug.as_str(),
        "external_id": tenant.external_id.as_ref().map(|id| id.as_str()),
        "name": entry.name(),
        "domains": entry.domains().iter().map(|domain| domain.as_str()).collect::<Vec<_>>(),
    })
}

/// How many events are shown.
const EVENTS: usize = 5;

const MEMBERS: u32 = 1_000;

pub(crate) async fn show<DB: Operated>(site: &Site<'_>, id: &TenantId) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let entry = entry(&directory, id).await?;
    let members = directory.count_members(id, MEMBERS).await?;
    // A role that only reads sees neither.
    let jobs = directory.jobs_of(id).await.ok().flatten();
    let latest = latest(&directory, id).await.unwrap_or_default();
    directory.close().await;

    let mut tenant = record(&entry);
    let members_shown = match members {
        Count::MoreThan(limit) => format!("more than {limit}"),
        Count::Exactly(number) => number.to_string(),
    };
    let mut text = text(&entry, &members_shown);
    if let Value::Object(tenant) = &mut tenant {
        tenant.insert("members".to_owned(), members_shown.into());
        if let Some(jobs) = &jobs {
            tenant.insert("jobs".to_owned(), machine_jobs(jobs));
            say_jobs(&mut text, jobs);
        }
    }
    for event in &latest {
        let _ = writeln!(text, "event       {}", events::text(event));
    }
    let shown: Vec<Value> = latest.iter().map(events::machine).collect();
    let answer = Answer::new(text).with("tenant", tenant).with("events", shown);
    Ok(advise(answer, &entry, jobs.as_ref()))
}

async fn latest<DB: Operated>(
    directory: &tenancy_sqlx::SqlDirectory<DB>,
    id: &TenantId,
) -> Result<Vec<TenantEvent>, Failure> {
    let mut latest: Vec<TenantEvent> = Vec::new();
    let mut after = 0;
    loop {
        let page = directory
            .events_of(id, after, NonZeroU32::new(1_000).unwrap_or(NonZeroU32::MIN))
            .await?;
        let Some(last) = page.last() else {
            return Ok(latest);
        };
        after = last.seq;
        latest.extend(page);
        let surplus = latest.len().saturating_sub(EVENTS);
        latest.drain(..surplus);
    }
}

fn text(entry: &DirectoryEntry, members: &str) -> String {
    let tenant = entry.record();
    let domains: Vec<&str> = entry.domains().iter().map(|domain| domain.as_str()).collect();
    let domains = if domains.is_empty() {
        "-".to_owned()
    } else {
        domains.join(", ")
    };
    let mut text = String::new();
    for (key, value) in [
        ("id", tenant.id.as_str()),
        ("status", status_of(entry)),
        ("name", entry.name()),
        ("slug", tenant.slug.as_str()),
        ("external id", tenant.external_id.as_ref().map_or("-", |id| id.as_str())),
        ("strategy", tenant.strategy.as_str()),
        (
            "placement",
            tenant.placement.as_ref().map_or("-", |placement| placement.as_str()),
        ),
        ("domains", &domains),
        ("members", members),
    ] {
        let _ = writeln!(text, "{key:<11} {}", printable(value));
    }
    text
}

fn machine_jobs(jobs: &TenantJobs) -> Value {
    json!({
        "creation_unfinished": jobs.is_creation_unfinished,
        "archived_at": jobs.archived_at.map(time),
        "deletion_began_at": jobs.deletion_began_at.map(time),
    })
}

fn say_jobs(text: &mut String, jobs: &TenantJobs) {
    if jobs.is_creation_unfinished {
        text.push_str("creation    not completed\n");
    }
    if let Some(at) = jobs.archived_at {
        let _ = writeln!(text, "archived    {}", time(at));
    }
    if let Some(at) = jobs.deletion_began_at {
        let _ = writeln!(text, "deletion    began {}", time(at));
    }
}

fn advise(answer: Answer, entry: &DirectoryEntry, jobs: Option<&TenantJobs>) -> Answer {
    let id = &entry.record().id;
    match jobs {
        Some(jobs) if jobs.is_creation_unfinished => answer.run(format!("tenant create {id} --resume")),
        Some(jobs) if jobs.deletion_began_at.is_some() => {
            answer.run(format!("tenant delete {id} --grace 0s --confirm {id}"))
        }
        _ => match entry.record().status {
            TenantStatus::Suspended => answer.run(format!("tenant activate {id}")),
            TenantStatus::Archived => answer
                .run(format!("tenant restore {id}"))
                .run(format!("tenant delete {id}")),
            _ => answer,
        },
    }
}

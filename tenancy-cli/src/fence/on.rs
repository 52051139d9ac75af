//! `fence on`: the databases of the strategies, fenced.

use tenancy::Description;
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::names::{StrategyName, TenantId};
use tenancy_sqlx::{SqlDirectory, StrategyError};

use super::finish::{Outcomes, follow, machine};
use super::survey::{Databases, Depth, Difference, StrategyFence, survey};
use crate::args::FenceOn;
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, Next, Progress, confirm_many};
use crate::site::{Operated, Site};

pub(crate) async fn on<DB: Operated>(site: &Site<'_>, on: &FenceOn, interrupt: &Interrupt) -> Result<Answer, Failure> {
    let change = &on.confirmed.change;
    let description: Description<DB> = site.open::<DB>().describe().await?;
    let chosen = chosen::<DB>(&description, &on.strategies)?;
    if !DB::sees_jobs(&description) {
        return Err(Failure::needs_administrator());
    }
    let directory = site.reader::<DB>().await?;
    let before = survey(&description, &directory, Depth::Whole).await;
    directory.close().await;
    let before = before?;
    let is_chosen = |strategy: &&StrategyFence| chosen.contains(&strategy.name);
    let strategies: Vec<&StrategyFence> = before.strategies.iter().filter(is_chosen).collect();
    if strategies.len() < chosen.len() {
        let finding = before.findings().pop();
        let message = finding.map_or_else(|| "a database cannot be reached".to_owned(), |finding| finding.message);
        return Err(Failure::new("database", message).run("check"));
    }
    let open: Vec<&StrategyFence> = strategies
        .iter()
        .copied()
        .filter(|strategy| strategy.is_open())
        .collect();
    if change.dry_run {
        return Ok(advised(Answer::new(would(&open)), &strategies)
            .with("dry_run", true)
            .with("strategies", names(&open)));
    }
    if !open.is_empty() {
        confirm_many(&question(&open), on.confirmed.yes)?;
    }
    let directory = site.writer::<DB>(change).await?;
    let enabled = enable_each(&description, &directory, &open, interrupt).await;
    directory.close().await;
    let mut outcomes = enabled?;
    // What was suspended before is closed by this.
    let fenced: Vec<&str> = chosen.iter().copied().chain(before.with_places()).collect();
    let data = site.places::<DB>(change, &fenced).await?;
    let seen = survey(&description, &data.directory, Depth::Whole).await;
    if let Ok(seen) = &seen {
        // A fence that was made anew has no place of a tenant whose place was written once.
        let anew = seen.differing(&[Difference::PlaceOlder]);
        outcomes.extend(follow(&data, &seen.differing(&[Difference::Pending]), &anew, interrupt).await);
    }
    data.close().await;
    seen?;
    Ok(advised(report(&strategies, &open, &outcomes, interrupt), &strategies))
}

/// The strategies that are named, or all, with those in the same database.
fn chosen<DB: Operated>(description: &Description<DB>, named: &[StrategyName]) -> Result<Vec<&'static str>, Failure> {
    let all: Vec<&'static str> = description.fences().map(|(name, _)| name).collect();
    let mut chosen: Vec<&'static str> = Vec::new();
    for name in named {
        let Some(known) = all.iter().find(|known| **known == name.as_str()) else {
            return Err(
                Failure::usage(format!("the configuration has no table `[strategies.{name}]`"))
                    .advise(format!("give `--strategy` with one of: {}", all.join(", "))),
            );
        };
        chosen.extend(DB::fenced_with(description, known));
    }
    if named.is_empty() {
        return Ok(all);
    }
    Ok(all.into_iter().filter(|name| chosen.contains(name)).collect())
}

/// Fences what is not. One tenant's database that refuses does not keep the others from it.
async fn enable_each<DB: Operated>(
    description: &Description<DB>,
    directory: &SqlDirectory<DB>,
    open: &[&StrategyFence],
    interrupt: &Interrupt,
) -> Result<Outcomes, Failure> {
    // All of them first: strategies may share a database, and where it is fenced by then nobody would write the other's event.
    for strategy in open {
        let name: StrategyName = strategy
            .name
            .parse()
            .map_err(|error| Failure::new("internal", format!("{error}")))?;
        directory.record_fence(&name).await?;
    }
    let mut outcomes = Outcomes::new();
    for strategy in open {
        match &strategy.databases {
            Databases::Shared(_) => description.enable_fence(strategy.name).await?,
            Databases::Each { unfenced, .. } => {
                outcomes.extend(enable_tenants(description, directory, unfenced, interrupt).await?);
            }
        }
    }
    Ok(outcomes)
}

async fn enable_tenants<DB: Operated>(
    description: &Description<DB>,
    directory: &SqlDirectory<DB>,
    tenants: &[TenantId],
    interrupt: &Interrupt,
) -> Result<Outcomes, Failure> {
    let mut outcomes = Outcomes::new();
    let mut progress = Progress::new("fence", tenants.len());
    for id in tenants {
        if interrupt.is_raised() {
            break;
        }
        progress.at(id.as_str());
        if let Some(entry) = directory.find_by_id(id).await? {
            match description.enable_fence_of(entry.record()).await {
                // It was removed meanwhile.
                Err(StrategyError::NotProvisioned { .. }) => {}
                Err(error) => outcomes.push((id.clone(), Err(not_fenced(id, error)))),
                // A tenant that is served needs no place: none is as one that is open.
                Ok(()) if entry.record().status == TenantStatus::Active => {
                    outcomes.push((id.clone(), Ok(())));
                }
                Ok(()) => {}
            }
        }
        progress.step();
    }
    progress.end();
    Ok(outcomes)
}

fn not_fenced(id: &TenantId, error: StrategyError) -> Failure {
    let failure = Failure::from(error);
    let message = format!(
        "failed to fence the database of the tenant `{id}`: {}",
        failure.message()
    );
    Failure::new(failure.code(), message)
}

fn names(strategies: &[&StrategyFence]) -> Vec<&'static str> {
    strategies.iter().map(|strategy| strategy.name).collect()
}

fn would(open: &[&StrategyFence]) -> String {
    if open.is_empty() {
        "every database is fenced already".to_owned()
    } else {
        format!(
            "the databases of the strategies {} would be fenced",
            names(open).join(", ")
        )
    }
}

fn question(open: &[&StrategyFence]) -> String {
    format!(
        "fence the strategies {}: a process that runs without the fence serves less and less of their tenants, and of `row` on \
        PostgreSQL none, until it is started again with `fence = true`",
        names(open).join(", ")
    )
}

fn report(
    strategies: &[&StrategyFence],
    open: &[&StrategyFence],
    outcomes: &Outcomes,
    interrupt: &Interrupt,
) -> Answer {
    let failures: Vec<&Failure> = outcomes.iter().filter_map(|(_, done)| done.as_ref().err()).collect();
    let already = if open.is_empty() { " already" } else { "" };
    let mut lines = vec![format!(
        "the databases of the strategies {} are fenced{already}",
        names(strategies).join(", ")
    )];
    lines.extend(failures.iter().map(|failure| format!("failed: {}", failure.message())));
    let exit = match (interrupt.is_raised(), failures.is_empty()) {
        (true, _) => Exit::Interrupted,
        (_, false) => Exit::Part,
        _ => Exit::Done,
    };
    let answer = Answer::new(lines.join("\n"))
        .with("changed", !open.is_empty())
        .with("strategies", names(strategies))
        .with("tenants", machine(outcomes))
        .ending(exit);
    if exit == Exit::Done {
        return answer;
    }
    answer.and(Next::Do("give the same command again".to_owned()))
}

/// What is to be done with the processes.
fn advised(answer: Answer, strategies: &[&StrategyFence]) -> Answer {
    let unsaid: Vec<String> = strategies
        .iter()
        .filter(|strategy| !strategy.in_file)
        .map(|strategy| format!("`[strategies.{}]`", strategy.name))
        .collect();
    let answer = if unsaid.is_empty() {
        answer
    } else {
        answer.advise(format!("set `fence = true` in {}", unsaid.join(" and ")))
    };
    answer
        .advise("start every process of the service again, one after the other, and then rely on the fence")
        .run("fence status")
}

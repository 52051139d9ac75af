//! `fence status`: what is fenced, and what does not follow.

use serde_json::{Value, json};
use tenancy::Description;

use super::survey::{Databases, Depth, Difference, StrategyFence, survey};
use crate::check::Finding;
use crate::output::{Answer, Exit, Failure, Table, printable};
use crate::site::{Operated, Site};

pub(crate) async fn status<DB: Operated>(site: &Site<'_>) -> Result<Answer, Failure> {
    let description: Description<DB> = site.open::<DB>().describe().await?;
    let directory = site.reader::<DB>().await?;
    let surveyed = survey(&description, &directory, Depth::Whole).await;
    directory.close().await;
    let surveyed = surveyed?;
    let findings = surveyed.findings();
    let mut table = Table::new(["strategy", "file", "databases"]);
    for strategy in &surveyed.strategies {
        let in_file = if strategy.in_file { "fenced" } else { "-" };
        table.row([strategy.name, in_file, &databases(strategy)]);
    }
    let mut text = table.to_string();
    for finding in &findings {
        text.push_str(&format!("finding  {}\n", printable(&finding.message)));
    }
    let pending = surveyed.differing(&[Difference::Pending]);
    let pending: Vec<Value> = pending.iter().map(|id| Value::from(id.as_str())).collect();
    let machine: Vec<Value> = surveyed.strategies.iter().map(machine_of).collect();
    let answer = Answer::new(text)
        .with("strategies", machine)
        .with("pending", pending)
        .with("findings", findings.iter().map(Finding::machine).collect::<Vec<_>>());
    if findings.is_empty() {
        return Ok(answer);
    }
    let next = findings.into_iter().flat_map(|finding| finding.next);
    Ok(next.fold(answer, Answer::and).ending(Exit::Found))
}

fn databases(strategy: &StrategyFence) -> String {
    match &strategy.databases {
        Databases::Shared(true) => "fenced".to_owned(),
        Databases::Shared(false) => "-".to_owned(),
        Databases::Each { fenced, unfenced } => format!("{fenced} fenced, {} not", unfenced.len()),
    }
}

fn machine_of(strategy: &StrategyFence) -> Value {
    let (database, fenced, unfenced) = match &strategy.databases {
        Databases::Shared(is_fenced) => (Some(*is_fenced), None, None),
        Databases::Each { fenced, unfenced } => (None, Some(*fenced), Some(unfenced.len())),
    };
    json!({
        "strategy": strategy.name,
        "file": strategy.in_file,
        "database": database,
        "tenants_fenced": fenced,
        "tenants_unfenced": unfenced,
    })
}

//! What the file, the databases and the directory say about the fence, side by side.

use std::collections::{HashMap, HashSet};

use tenancy::Description;
use tenancy::directory::{TenantEntry as _, TenantRecord, TenantStatus};
use tenancy::names::TenantId;
use tenancy_sqlx::{PageRequest, Place, PlaceState, SqlDirectory, StrategyError};
use tokio::time::timeout;

use crate::check::Finding;
use crate::output::Failure;
use crate::reach::CONNECT_TIMEOUT;
use crate::site::{Operated, Site};

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// At tenants' own databases where the file says that they are fenced.
    AsTheFileSays,
    /// At every tenant's own database.
    Whole,
}

/// A strategy of the file.
#[derive(Clone, Debug)]
pub(crate) struct StrategyFence {
    pub(crate) name: &'static str,
    /// Whether the file says that it is fenced.
    pub(crate) in_file: bool,
    pub(crate) databases: Databases,
}

/// Whether the databases of a strategy are fenced.
#[derive(Clone, Debug)]
pub(crate) enum Databases {
    /// All tenants are in one.
    Shared(bool),
    /// Each tenant has its own, if it was looked at.
    Each { fenced: usize, unfenced: Vec<TenantId> },
}

impl StrategyFence {
    /// Whether there is something that is not fenced.
    pub(crate) fn is_open(&self) -> bool {
        match &self.databases {
            Databases::Shared(is_fenced) => !is_fenced,
            Databases::Each { unfenced, .. } => !unfenced.is_empty(),
        }
    }

    /// Whether there are places.
    fn has_places(&self) -> bool {
        match &self.databases {
            Databases::Shared(is_fenced) => *is_fenced,
            Databases::Each { fenced, .. } => self.in_file || *fenced > 0,
        }
    }
}

/// How a place differs from the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The directory knows that the place has not followed yet.
    Pending,
    /// The place has seen more than the directory knows.
    PlaceAhead,
    /// The place has seen less than the directory has told it.
    PlaceOlder,
    /// The place has another epoch: the tenant's data has moved, and one of the two does not know.
    OtherEpoch,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) strategies: Vec<StrategyFence>,
    pub(crate) differences: Vec<(TenantId, Difference, String)>,
    /// What could not be looked at.
    unreachable: Vec<Finding>,
}

/// The strategies whose shared database is fenced, whatever the file says. One that cannot be reached is what the file says.
pub(crate) async fn databases<DB: Operated>(site: &Site<'_>) -> Result<Vec<&'static str>, Failure> {
    let description: Description<DB> = site.open::<DB>().describe().await?;
    let mut fenced = Vec::new();
    // What the file calls fenced is taken for it, and need not be asked.
    for (name, _) in description.fences().filter(|(_, in_file)| !in_file) {
        let database = timeout(CONNECT_TIMEOUT, description.is_database_fenced(name)).await;
        if matches!(database, Ok(Ok(Some(true)))) {
            fenced.push(name);
        }
    }
    Ok(fenced)
}

pub(crate) async fn survey<DB: Operated>(
    description: &Description<DB>,
    directory: &SqlDirectory<DB>,
    depth: Depth,
) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let mut shared: HashMap<&str, HashMap<TenantId, Place>> = HashMap::new();
    let sees_places = DB::sees_jobs(description);
    for (name, in_file) in description.fences() {
        let databases = match shared_database(description, name).await {
            Ok(Some(is_fenced)) => {
                if is_fenced && sees_places {
                    shared.insert(name, description.places(name).await?.into_iter().collect());
                }
                Databases::Shared(is_fenced)
            }
            Ok(None) => Databases::Each {
                fenced: 0,
                unfenced: Vec::new(),
            },
            Err(finding) => {
                survey.unreachable.push(finding);
                continue;
            }
        };
        survey.strategies.push(StrategyFence {
            name,
            in_file,
            databases,
        });
    }
    if !sees_places {
        return Ok(survey);
    }
    let unplaced = directory.unplaced_tenants().await?;
    let unplaced: HashSet<TenantId> = unplaced.into_iter().map(|record| record.id).collect();
    let mut request = Some(PageRequest::first());
    while let Some(page) = request {
        let page = directory.page(&request_of(&page)).await?;
        for entry in &page.items {
            let is_placed = !unplaced.contains(&entry.record().id);
            survey
                .look_at(description, entry.record(), is_placed, &shared, depth)
                .await;
        }
        request = page.next;
    }
    Ok(survey)
}

fn request_of(request: &PageRequest<TenantId>) -> PageRequest<TenantId> {
    request.clone()
}

async fn shared_database<DB: Operated>(
    description: &Description<DB>,
    name: &'static str,
) -> Result<Option<bool>, Finding> {
    let unreachable = |why: String| {
        let message = format!("`strategies.{name}`: failed to look at the database's fence: {why}");
        Finding::new("unreachable", message).run("check")
    };
    match timeout(CONNECT_TIMEOUT, description.is_database_fenced(name)).await {
        Ok(looked) => looked.map_err(|error| unreachable(crate::output::chain(&error))),
        Err(_) => Err(unreachable("no answer".to_owned())),
    }
}

impl Survey {
    async fn look_at<DB: Operated>(
        &mut self,
        description: &Description<DB>,
        record: &TenantRecord,
        is_placed: bool,
        shared: &HashMap<&str, HashMap<TenantId, Place>>,
        depth: Depth,
    ) {
        let mut strategies = self.strategies.iter_mut();
        let Some(strategy) = strategies.find(|strategy| strategy.name == record.strategy.as_str()) else {
            return;
        };
        let place = match &mut strategy.databases {
            Databases::Shared(false) => return,
            Databases::Shared(true) => shared
                .get(strategy.name)
                .and_then(|places| places.get(&record.id))
                .copied(),
            Databases::Each { .. } if depth == Depth::AsTheFileSays && !strategy.in_file => return,
            Databases::Each { fenced, unfenced } => {
                match timeout(CONNECT_TIMEOUT, description.place_of(record)).await {
                    Ok(Ok(place)) => {
                        *fenced += 1;
                        place
                    }
                    // Nothing is served there.
                    Ok(Err(StrategyError::NotProvisioned { .. })) => return,
                    Ok(Err(StrategyError::FenceMismatch { .. })) => return unfenced.push(record.id.clone()),
                    Ok(Err(error)) => return self.not_seen(&record.id, &crate::output::chain(&error)),
                    Err(_) => return self.not_seen(&record.id, "no answer"),
                }
            }
        };
        if let Some((difference, what)) = difference(record, is_placed, place) {
            self.differences.push((record.id.clone(), difference, what));
        }
    }

    fn not_seen(&mut self, id: &TenantId, why: &str) {
        let message = format!("failed to look at the place of the tenant `{id}`: {why}");
        self.unreachable
            .push(Finding::new("place_unreachable", message).run("check"));
    }

    /// The strategies that have places.
    pub(crate) fn with_places(&self) -> Vec<&'static str> {
        let fenced = self.strategies.iter().filter(|strategy| strategy.has_places());
        fenced.map(|strategy| strategy.name).collect()
    }

    /// The tenants whose places differ so.
    pub(crate) fn differing(&self, wanted: &[Difference]) -> Vec<TenantId> {
        let differing = self
            .differences
            .iter()
            .filter(|(_, difference, _)| wanted.contains(difference));
        differing.map(|(id, ..)| id.clone()).collect()
    }

    /// What is not as it should be.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.strategies.iter().filter_map(mismatch).collect();
        findings.extend(self.differences.iter().map(|(id, difference, what)| {
            let (code, command) = match difference {
                Difference::Pending => ("place_pending", Some("fence finish")),
                Difference::PlaceAhead => ("place_ahead", Some("fence finish --restored")),
                Difference::PlaceOlder => ("place_older", Some("fence finish --restored")),
                Difference::OtherEpoch => ("place_of_another_epoch", None),
            };
            let finding = Finding::new(code, format!("the place of the tenant `{id}` {what}"));
            match command {
                Some(command) => finding.run(command),
                None => finding.advise(format!(
                    "see which backup was restored, and restore the directory and the data of `{id}` to the same moment"
                )),
            }
        }));
        findings.extend(self.unreachable.iter().cloned());
        findings
    }
}

/// How the file and the databases of a strategy differ.
fn mismatch(strategy: &StrategyFence) -> Option<Finding> {
    let name = strategy.name;
    let on = format!("fence on --strategy {name}");
    let key = format!("set `fence = true` in `[strategies.{name}]`, and start every process again");
    match (&strategy.databases, strategy.in_file) {
        (Databases::Shared(false), true) => {
            let message =
                format!("`strategies.{name}.fence` is true, and the database is not fenced: nothing is served");
            Some(Finding::new("fence_mismatch", message).run(on))
        }
        (Databases::Shared(true), false) => {
            let message = format!("the database of `strategies.{name}` is fenced, and the file does not say so");
            Some(Finding::new("fence_mismatch", message).advise(key))
        }
        (Databases::Each { unfenced, .. }, true) if !unfenced.is_empty() => {
            let message = format!(
                "`strategies.{name}.fence` is true, and {} are not fenced, which are not served: {}",
                of_tenants(unfenced.len()),
                some_of(unfenced)
            );
            Some(Finding::new("fence_mismatch", message).run(on))
        }
        (Databases::Each { fenced, .. }, false) if *fenced > 0 => {
            let message = format!(
                "{} of `strategies.{name}` are fenced, and the file does not say so: they are not served",
                of_tenants(*fenced)
            );
            Some(Finding::new("fence_mismatch", message).advise(key))
        }
        _ => None,
    }
}

fn of_tenants(number: usize) -> String {
    if number == 1 {
        "the databases of 1 tenant".to_owned()
    } else {
        format!("the databases of {number} tenants")
    }
}

fn some_of(ids: &[TenantId]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(TenantId::as_str).collect();
    let more = if ids.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn difference(record: &TenantRecord, is_placed: bool, place: Option<Place>) -> Option<(Difference, String)> {
    let (epoch, revision) = (record.epoch, record.revision);
    let status = record.status.as_str();
    match place {
        Some(place) if place.epoch != epoch => Some((
            Difference::OtherEpoch,
            format!(
                "has the epoch {}, and the directory {epoch}: was a backup restored?",
                place.epoch
            ),
        )),
        None if epoch > 0 => Some((
            Difference::OtherEpoch,
            format!("is missing, and its data has moved {epoch} times: was a backup restored?"),
        )),
        Some(place) if place.revision > revision => Some((
            Difference::PlaceAhead,
            format!(
                "is {} and has seen the revision {}, and the directory, where it is {status}, is at {revision}: was a backup of \
                the directory restored?",
                place.state, place.revision
            ),
        )),
        _ if !is_placed => Some((
            Difference::Pending,
            format!("does not follow the directory yet, where it is {status}"),
        )),
        Some(place) if place.revision < revision => Some((
            Difference::PlaceOlder,
            format!(
                "is {} and has seen the revision {}, and had seen {revision} before: was a backup of its data restored?",
                place.state, place.revision
            ),
        )),
        Some(place) if (place.state == PlaceState::Open) != (record.status == TenantStatus::Active) => Some((
            Difference::PlaceAhead,
            format!(
                "is {}, and the directory says {status} at the same revision: was a backup restored?",
                place.state
            ),
        )),
        // None is as one that is open.
        None if record.status != TenantStatus::Active => Some((
            Difference::PlaceOlder,
            format!(
                "is missing, and the directory, where it is {status}, had written it: was a backup of its data restored?"
            ),
        )),
        _ => None,
    }
}

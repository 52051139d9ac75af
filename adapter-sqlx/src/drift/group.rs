//! Tenants whose catalogs are alike, and what the others differ in.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use tenancy_core::names::TenantId;

use super::catalog::{BODY, Catalog, Fact, OwnName};
use super::compare::{Deviation, compare};
use super::options::{DriftOptions, DriftReference};
use super::report::{Difference, NotCompared, VersionDrift};
use crate::{StrategyError, StrategyFuture};

/// How many whole catalogs are held at once.
const HELD: usize = 100;

/// A catalog in 32 bytes, whatever the order in which its objects are read: the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fingerprint([u64; 4]);

impl Fingerprint {
    /// Adds an object. Returns whether its body was left out.
    pub(crate) fn add(&mut self, fact: &Fact, own: &OwnName) -> bool {
        let mut hash = Sha256::new();
        let mut leaves_out = false;
        let mut feed = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(text);
        };
        for text in [&fact.kind, &fact.name] {
            feed(text);
        }
        for (aspect, definition) in &fact.aspects {
            feed(aspect);
            match definition {
                None => feed(""),
                Some(body) if *aspect == BODY && own.is_in(body) => leaves_out = true,
                Some(definition) => {
                    feed("=");
                    feed(&own.replace(definition));
                }
            }
        }
        for (sum, bytes) in self.0.iter_mut().zip(hash.finalize().chunks_exact(8)) {
            *sum = bytes
                .try_into()
                .map(u64::from_le_bytes)
                .map_or(*sum, |part| sum.wrapping_add(part));
        }
        leaves_out
    }

    pub(super) fn of(catalog: &Catalog) -> Self {
        let mut fingerprint = Self::default();
        for fact in catalog.facts() {
            fingerprint.add(&fact, &catalog.own);
        }
        fingerprint
    }
}

/// What a first reading keeps of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Surveyed {
    pub(crate) tenant: TenantId,
    pub(crate) version: Option<i64>,
    pub(crate) fingerprint: Fingerprint,
    /// The functions whose bodies were left out.
    pub(crate) left_out: Vec<String>,
}

impl Surveyed {
    pub(crate) fn new(tenant: TenantId, version: Option<i64>) -> Self {
        Self {
            tenant,
            version,
            fingerprint: Fingerprint::default(),
            left_out: Vec::new(),
        }
    }

    /// Adds an object.
    pub(crate) fn add(&mut self, fact: &Fact, own: &OwnName) {
        if self.fingerprint.add(fact, own) {
            self.left_out.push(fact.name.clone());
        }
    }
}

/// Reads whole catalogs, of the few tenants that differ.
pub(crate) trait ReadCatalogs: Sync {
    /// The catalogs of these tenants. One that has none any more has an empty one.
    fn catalogs<'r>(&'r self, tenants: Vec<TenantId>) -> StrategyFuture<'r, Vec<(TenantId, Catalog)>>;
}

/// What tenants are compared with.
pub(crate) enum Reference {
    Majority,
    Tenant(TenantId),
    /// By version.
    Built(BTreeMap<i64, Catalog>),
}

impl Reference {
    /// What the options ask for. Nothing is built unless it is.
    pub(crate) async fn of(
        options: &DriftOptions,
        build: impl Future<Output = Result<BTreeMap<i64, Catalog>, StrategyError>>,
    ) -> Result<Self, StrategyError> {
        Ok(match options.reference() {
            DriftReference::Majority => Self::Majority,
            DriftReference::Tenant(tenant) => Self::Tenant(tenant.clone()),
            DriftReference::Build => Self::Built(build.await?),
        })
    }
}

/// Tenants that were read once, and what they are compared with.
pub(crate) struct Survey<'s> {
    pub(crate) reference: Reference,
    pub(crate) reader: &'s dyn ReadCatalogs,
}

/// Tenants of one version that are alike, by id. There is at least one.
struct Group {
    fingerprint: Fingerprint,
    tenants: Vec<TenantId>,
}

impl Survey<'_> {
    /// Compares tenants, which are in the order of their ids.
    pub(crate) async fn compare(&self, surveyed: Vec<Surveyed>) -> Result<Vec<VersionDrift>, StrategyError> {
        if let Reference::Tenant(id) = &self.reference
            && !surveyed.iter().any(|one| one.tenant == *id)
        {
            return Err(StrategyError::NotProvisioned { tenant: id.clone() });
        }
        let mut by_version: BTreeMap<Option<i64>, Vec<Surveyed>> = BTreeMap::new();
        for one in surveyed {
            by_version.entry(one.version).or_default().push(one);
        }
        let mut versions = Vec::new();
        for (version, surveyed) in by_version {
            versions.push(self.compare_version(version, surveyed).await?);
        }
        Ok(versions)
    }

    async fn compare_version(
        &self,
        version: Option<i64>,
        surveyed: Vec<Surveyed>,
    ) -> Result<VersionDrift, StrategyError> {
        let mut drift = VersionDrift {
            version,
            tenants: surveyed.len(),
            not_compared: not_compared(&surveyed),
            ..VersionDrift::default()
        };
        let mut groups = groups(surveyed);
        let Some(reference) = self.reference_of(version, &mut groups).await? else {
            return Ok(drift);
        };
        drift.is_compared = true;
        drift.reference = reference.tenant;
        drift.as_expected = reference.alike;
        let mut differences = Differences::default();
        for groups in groups.chunks(HELD) {
            let first = groups.iter().filter_map(|group| group.tenants.first().cloned());
            let mut catalogs: BTreeMap<TenantId, Catalog> =
                self.reader.catalogs(first.collect()).await?.into_iter().collect();
            for group in groups {
                let catalog = group.tenants.first().and_then(|first| catalogs.remove(first));
                let catalog = catalog.filter(|catalog| Fingerprint::of(catalog) == group.fingerprint);
                let Some(catalog) = catalog else {
                    drift.changing.extend_from_slice(&group.tenants);
                    continue;
                };
                let is_alike = differences.add(&reference.catalog, &catalog, &group.tenants);
                if is_alike {
                    drift.as_expected += group.tenants.len();
                } else if reference.is_majority && group.tenants.len() == reference.alike {
                    drift.tie = Some(reference.alike);
                }
            }
        }
        drift.changing.sort();
        drift.differences = differences.into_sorted();
        Ok(drift)
    }

    /// What tenants of a version are compared with, whose own group is taken out of the groups. `None` if the reference has another
    /// version.
    async fn reference_of(
        &self,
        version: Option<i64>,
        groups: &mut Vec<Group>,
    ) -> Result<Option<Chosen>, StrategyError> {
        let at = match &self.reference {
            Reference::Built(catalogs) => {
                let Some(catalog) = version.and_then(|version| catalogs.get(&version)) else {
                    return Ok(None);
                };
                let fingerprint = Fingerprint::of(catalog);
                let at = groups.iter().position(|group| group.fingerprint == fingerprint);
                return Ok(Some(Chosen {
                    catalog: catalog.clone(),
                    tenant: None,
                    alike: at.map_or(0, |at| groups.remove(at).tenants.len()),
                    is_majority: false,
                }));
            }
            Reference::Tenant(id) => groups.iter().position(|group| group.tenants.contains(id)),
            // The first of the largest: groups are in the order of their first tenants.
            Reference::Majority => {
                let most = groups.iter().map(|group| group.tenants.len()).max();
                groups.iter().position(|group| Some(group.tenants.len()) == most)
            }
        };
        let Some(at) = at else {
            return Ok(None);
        };
        let group = groups.remove(at);
        let (is_majority, tenant) = match &self.reference {
            Reference::Tenant(id) => (false, Some(id.clone())),
            _ => (true, group.tenants.first().cloned()),
        };
        let mut chosen = Chosen {
            catalog: Catalog::default(),
            alike: group.tenants.len(),
            is_majority,
            tenant,
        };
        // Where all are alike, nothing is read again.
        if let Some(tenant) = chosen.tenant.clone().filter(|_| !groups.is_empty()) {
            let read = self.reader.catalogs(vec![tenant.clone()]).await?.pop();
            let catalog = read.map(|(_, catalog)| catalog);
            chosen.catalog = catalog
                .filter(|catalog| Fingerprint::of(catalog) == group.fingerprint)
                .ok_or_else(|| {
                    StrategyError::other(format!(
                        "the catalog of the tenant `{tenant}`, which others are compared with, changed meanwhile: compare again while \
                        no migration runs"
                    ))
                })?;
        }
        Ok(Some(chosen))
    }
}

/// What tenants of one version are compared with.
struct Chosen {
    catalog: Catalog,
    tenant: Option<TenantId>,
    /// How many have it.
    alike: usize,
    is_majority: bool,
}

/// In the order of their first tenants.
fn groups(surveyed: Vec<Surveyed>) -> Vec<Group> {
    let mut by_fingerprint: BTreeMap<Fingerprint, Vec<TenantId>> = BTreeMap::new();
    for one in surveyed {
        by_fingerprint.entry(one.fingerprint).or_default().push(one.tenant);
    }
    let groups = by_fingerprint
        .into_iter()
        .map(|(fingerprint, tenants)| Group { fingerprint, tenants });
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_by(|one, other| one.tenants.first().cmp(&other.tenants.first()));
    groups
}

fn not_compared(surveyed: &[Surveyed]) -> Vec<NotCompared> {
    let mut functions: BTreeMap<&str, usize> = BTreeMap::new();
    for one in surveyed {
        // A name stands once for each tenant, whatever schema of a database it is in.
        for function in one.left_out.iter().collect::<BTreeSet<_>>() {
            *functions.entry(function.as_str()).or_default() += 1;
        }
    }
    let left_out = functions.into_iter().map(|(function, tenants)| NotCompared {
        function: function.to_owned(),
        tenants,
    });
    left_out.collect()
}

/// Differences of several groups, each with all tenants that have it.
#[derive(Default)]
struct Differences(BTreeMap<Deviation, Difference>);

impl Differences {
    /// Adds what the tenants of one group differ in. Returns whether that is nothing.
    fn add(&mut self, reference: &Catalog, catalog: &Catalog, tenants: &[TenantId]) -> bool {
        let found = compare(reference, catalog);
        let is_alike = found.is_empty();
        for one in found {
            let Deviation {
                change,
                kind,
                name,
                aspect,
            } = one.deviation.clone();
            let difference = self.0.entry(one.deviation).or_insert_with(|| Difference {
                change,
                kind,
                name,
                aspect: aspect.map(str::to_owned),
                expected: one.expected,
                found: one.found,
                tenants: Vec::new(),
            });
            difference.tenants.extend_from_slice(tenants);
        }
        is_alike
    }

    /// The most frequent first.
    fn into_sorted(self) -> Vec<Difference> {
        let mut differences: Vec<Difference> = self.0.into_values().collect();
        for difference in &mut differences {
            difference.tenants.sort();
        }
        differences.sort_by_key(|difference| std::cmp::Reverse(difference.tenants.len()));
        differences
    }
}

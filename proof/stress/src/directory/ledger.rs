//! What was acknowledged to the processes, compared with what the directory has.

use std::collections::{BTreeMap, BTreeSet};

use tenancy_core::directory::TenantEntry as _;
use tenancy_core::names::{Domain, Subject, TenantKey};
use tenancy_sqlx::DirectoryEntry;

use super::line::{Line, Verb};
use super::store::Store;
use crate::Failure;
use crate::report::Part;

const LOST: &str = "acknowledged changes lost";
const TORN: &str = "tenants whose names are of two versions";
const SHARED: &str = "names of two tenants";
const WINNERS: &str = "ids that were created twice";
const STOLEN: &str = "names and ids given out again within their quarantine";
const FAILED: &str = "errors that were not to be expected";

/// One field of one tenant: the last value that was acknowledged, and the values whose outcome is unknown.
#[derive(Default)]
struct Field {
    acknowledged: Option<String>,
    unknown: BTreeSet<String>,
}

impl Field {
    fn may_be(&self, value: &str) -> bool {
        self.acknowledged.as_deref() == Some(value) || self.unknown.contains(value)
    }
}

/// What is known of all tenants.
pub(super) struct Ledger {
    fields: BTreeMap<(String, String), Field>,
    part: Part,
}

impl Ledger {
    pub(super) fn new(part: &Part) -> Self {
        for invariant in [LOST, TORN, SHARED, WINNERS, STOLEN, FAILED] {
            part.invariant(invariant);
        }
        Self {
            fields: BTreeMap::new(),
            part: part.clone(),
        }
    }

    /// Records a line of a process.
    pub(super) fn write(&mut self, line: &Line) {
        let part = self.part.clone();
        match line.verb {
            Verb::Try => part.add("changes tried", 1),
            Verb::Done => part.add("changes acknowledged", 1),
            Verb::Same => part.add("changes that changed nothing", 1),
            Verb::Refused if line.told == "busy" => part.add("changes refused: another writer was in the way", 1),
            Verb::Refused => part.add("changes refused: the name is another's, or was", 1),
            Verb::Failed => part.broken(FAILED, line),
        }
        if line.verb == Verb::Done && matches!(&*line.field, "theft" | "revival") {
            part.broken(STOLEN, line);
        }
        let field = self.fields.entry((line.id.clone(), line.field.clone())).or_default();
        match line.verb {
            Verb::Try | Verb::Failed => {
                field.unknown.insert(line.value.clone());
            }
            Verb::Done => {
                let before = field.acknowledged.replace(line.value.clone());
                if line.field == "creation" && before.is_some_and(|before| before != line.value) {
                    part.broken(WINNERS, &line.id);
                }
                field.unknown.clear();
            }
            // What was sent before may still come into effect: it was not there yet.
            Verb::Same => field.acknowledged = Some(line.value.clone()),
            // Given up before, the same may have come into effect. Now it has not.
            Verb::Refused => {}
        }
    }

    /// Compares it with the directory. No process changes that meanwhile.
    pub(super) async fn check(&self, store: &Store) -> Result<(), Failure> {
        let entries = store.list().await?;
        self.part.add("tenants checked", entries.len() as u64);
        self.check_names(store, &entries).await?;
        let by_id: BTreeMap<&str, &DirectoryEntry> = entries
            .iter()
            .map(|entry| (entry.record().id.as_str(), entry))
            .collect();
        for ((id, name), field) in &self.fields {
            let existence = self.fields.get(&(id.clone(), "existence".to_owned()));
            let entry = by_id.get(id.as_str()).copied();
            let may_be_gone = existence.is_some_and(|field| field.may_be("gone"));
            let is_right = match (&**name, entry) {
                ("theft" | "revival", _) => true,
                ("existence", entry) => entry.is_none() || field.acknowledged.is_none(),
                (_, None) => may_be_gone || field.acknowledged.is_none(),
                (_, Some(entry)) => field.acknowledged.is_none() || self.agrees(store, name, field, entry).await?,
            };
            self.part.add("fields checked", 1);
            if !is_right {
                let told = format_args!("{name} of {id}: {:?}, {:?}", field.acknowledged, field.unknown);
                self.part.broken(LOST, format_args!("{told}; it is {entry:?}"));
            }
        }
        Ok(())
    }

    async fn agrees(&self, store: &Store, name: &str, field: &Field, entry: &DirectoryEntry) -> Result<bool, Failure> {
        let record = entry.record();
        Ok(match name {
            "names" => field.may_be(version(record.slug.as_str())),
            "status" => field.may_be(record.status.as_str()),
            "creation" => record.status.as_str() == "active",
            member => {
                let subject: Subject = member.parse()?;
                let is_there = store.is_member(&record.id, &subject).await?;
                field.may_be(if is_there { "there" } else { "gone" })
            }
        })
    }

    /// All names of a tenant are of one version, and lead to that tenant alone.
    async fn check_names(&self, store: &Store, entries: &[DirectoryEntry]) -> Result<(), Failure> {
        for entry in entries {
            let record = entry.record();
            let id = record.id.as_str();
            let mut keys = vec![TenantKey::Id(record.id.clone()), TenantKey::Slug(record.slug.clone())];
            keys.extend(record.external_id.iter().cloned().map(TenantKey::External));
            keys.extend(entry.domains().iter().cloned().map(TenantKey::Domain));
            for key in &keys {
                self.part.add("names looked up", 1);
                let found = store.find(key).await?;
                if found.as_deref() != Some(id) {
                    self.part
                        .broken(SHARED, format_args!("{key} of {id} leads to {found:?}"));
                }
            }
            if id.starts_with("own-") {
                let names = [record.slug.as_str(), entry.name()].into_iter();
                let names = names.chain(record.external_id.as_ref().map(|id| id.as_str()));
                let labels = entry
                    .domains()
                    .iter()
                    .map(Domain::as_str)
                    .filter_map(|domain| domain.split('.').next());
                let versions: BTreeSet<&str> = names.chain(labels).map(version).collect();
                if versions.len() != 1 || keys.len() != 4 {
                    self.part
                        .broken(TORN, format_args!("{id} has {versions:?} in {} names", keys.len()));
                }
            }
        }
        Ok(())
    }
}

/// What stands behind the last hyphen.
fn version(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    fn written(lines: &[&str]) -> (Report, Ledger) {
        let report = Report::default();
        let mut ledger = Ledger::new(&report.part("directory"));
        for line in lines {
            ledger.write(&Line::parse(&format!("{line} ")).unwrap());
        }
        (report, ledger)
    }

    #[test]
    fn what_nobody_heard_of_may_be() {
        let lines = ["try a names 1", "done a names 1", "try a names 2", "try a names 3"];
        let (_, ledger) = written(&lines);
        let field = &ledger.fields[&("a".to_owned(), "names".to_owned())];
        assert!(["1", "2", "3"].iter().all(|value| field.may_be(value)));
        assert!(!field.may_be("4"));
    }

    #[test]
    fn one_creates_an_id() {
        let (report, _) = written(&["try a creation 0", "try a creation 1", "done a creation 1"]);
        assert!(!report.is_broken());
        let (report, _) = written(&["done a creation 0", "done a creation 1"]);
        assert!(report.is_broken());
    }

    #[test]
    fn nothing_is_stolen() {
        let (report, _) = written(&["try thief theft slug", "refused thief theft slug"]);
        assert!(!report.is_broken());
        assert!(written(&["done thief theft slug"]).0.is_broken());
        assert!(written(&["done a revival 2"]).0.is_broken());
    }
}

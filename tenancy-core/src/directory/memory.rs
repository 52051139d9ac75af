//! A directory in memory.

use core::convert::Infallible;
use core::fmt;
use core::future::{Future, ready};
use std::boxed::Box;
use std::collections::HashMap;
use std::sync::Arc;
use std::vec::Vec;

use crate::directory::{Authorizer, Decision, Directory, Member, Roles, TenantEntry, TenantHandle, TenantRecord};
use crate::enforce::Authorize;
use crate::names::{Domain, Subject, TenantId, TenantKey};

/// A tenant in memory: its record, domains and members.
#[derive(Clone, Debug)]
pub struct MemoryEntry {
    record: TenantHandle,
    domains: Vec<Domain>,
    members: HashMap<Subject, Vec<Member>>,
}

impl MemoryEntry {
    /// A tenant without domains and members.
    #[must_use]
    pub fn new(record: TenantRecord) -> Self {
        Self {
            record: record.into(),
            domains: Vec::new(),
            members: HashMap::new(),
        }
    }

    /// Adds a host name of the tenant's own.
    #[must_use]
    pub fn with_domain(mut self, domain: Domain) -> Self {
        self.domains.push(domain);
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with_member(mut self, member: Member) -> Self {
        self.members.entry(member.subject().clone()).or_default().push(member);
        self
    }
}

impl TenantEntry for MemoryEntry {
    fn record(&self) -> &TenantRecord {
        &self.record
    }

    fn handle(&self) -> TenantHandle {
        self.record.clone()
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        self.domains.contains(domain)
    }
}

/// A fixed set of tenants, for tests and for services that know their tenants at start-up.
///
/// It is an [`Authorizer`] as well: a caller is a member where the entry lists the subject, with the
/// roles that it lists.
#[derive(Clone, Debug, Default)]
pub struct MemoryDirectory {
    by_key: HashMap<TenantKey, Arc<MemoryEntry>>,
    by_id: HashMap<TenantId, Arc<MemoryEntry>>,
}

impl MemoryDirectory {
    /// A directory of these tenants.
    ///
    /// # Errors
    ///
    /// Where two tenants share an id, a slug, an external id or a domain.
    pub fn new(entries: impl IntoIterator<Item = MemoryEntry>) -> Result<Self, MemoryDirectoryError> {
        let mut directory = Self::default();
        for entry in entries {
            let entry = Arc::new(entry);
            let record = &entry.record;
            let named = [TenantKey::Id(record.id.clone()), TenantKey::Slug(record.slug.clone())]
                .into_iter()
                .chain(record.external_id.clone().map(TenantKey::External))
                .chain(entry.domains.iter().cloned().map(TenantKey::Domain));
            for key in named {
                if directory.by_key.insert(key.clone(), Arc::clone(&entry)).is_some() {
                    return Err(MemoryDirectoryError { key: Box::new(key) });
                }
            }
            directory.by_id.insert(record.id.clone(), Arc::clone(&entry));
        }
        Ok(directory)
    }

    fn decide(&self, asked: &Authorize<'_>) -> Decision {
        let claims = asked.claims();
        let entry = self.by_id.get(&asked.tenant().id);
        let of_that_name = entry.and_then(|entry| entry.members.get(claims.subject()));
        let members = of_that_name.into_iter().flatten().filter(|member| member.is(claims));
        let roles = members.map(|member| member.roles().clone()).reduce(Roles::union);
        roles.map_or(Decision::Deny, Decision::Allow)
    }
}

impl Directory for MemoryDirectory {
    type Entry = Arc<MemoryEntry>;
    type Error = Infallible;

    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Self::Entry>, Self::Error>> + Send {
        ready(Ok(self.by_key.get(key).cloned()))
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
        Some(read(self.by_key.get(key)))
    }
}

impl Authorizer for MemoryDirectory {
    type Error = Infallible;

    fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
        ready(Ok(self.decide(asked)))
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        Some(self.decide(asked))
    }
}

/// Two tenants that go by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDirectoryError {
    key: Box<TenantKey>,
}

impl fmt::Display for MemoryDirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two tenants go by the {}", self.key)
    }
}

impl core::error::Error for MemoryDirectoryError {}

//! A tenant as it is put into the directory, and as it comes out.

use tenancy_core::directory::{Change, Member, TenantEntry, TenantHandle, TenantRecord, TenantStatus};
use tenancy_core::names::{Domain, ExternalId, PlacementName, Slug, StrategyName, TenantId, TenantKey};

/// A tenant to put into the directory, new or changed.
///
/// # Removal
///
/// The directory's [`delete`](crate::SqlDirectory::delete), once a tenant has been archived for long enough. By hand it is three
/// calls, each of which can be done again: the directory's `archive`, which ends all requests to come; [`TenantDb::dangerously_remove`](crate::TenantDb::dangerously_remove), which removes its data;
/// and the directory's `remove`, which takes it out with its members. Its names are then given to no other tenant for a
/// quarantine, and its id never again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    pub(crate) id: TenantId,
    pub(crate) strategy: StrategyName,
    pub(crate) placement: Option<PlacementName>,
    pub(crate) slug: Slug,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) name: Option<String>,
    pub(crate) status: Option<TenantStatus>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) members: Vec<Member>,
    /// Whether members that are not listed are removed.
    pub(crate) replaces_members: bool,
}

impl NewTenant {
    /// A tenant whose slug is its id, without external id, domains and members.
    #[must_use]
    pub fn new(id: TenantId, strategy: StrategyName) -> Self {
        Self {
            slug: id.to_slug(),
            id,
            strategy,
            placement: None,
            external_id: None,
            name: None,
            status: None,
            domains: Vec::new(),
            members: Vec::new(),
            replaces_members: false,
        }
    }

    /// The record as it is before the tenant's place is made.
    pub(crate) fn record(&self) -> TenantRecord {
        let record = TenantRecord::new(self.id.clone(), self.strategy.clone())
            .with_slug(self.slug.clone())
            .with_status(TenantStatus::Provisioning);
        let record = self
            .external_id
            .iter()
            .fold(record, |record, id| record.with_external_id(id.clone()));
        self.placement
            .iter()
            .fold(record, |record, place| record.with_placement(place.clone()))
    }

    /// Sets the slug. One that a tenant had before is given to no other for a quarantine, and neither are its external
    /// id and domains.
    #[must_use]
    pub fn with_slug(self, slug: Slug) -> Self {
        Self { slug, ..self }
    }

    /// Sets the identity provider's organisation id.
    #[must_use]
    pub fn with_external_id(self, external_id: ExternalId) -> Self {
        Self {
            external_id: Some(external_id),
            ..self
        }
    }

    /// Sets where a new tenant's data is, such as which server. The default is the strategy's own place, and no
    /// change for a tenant that is known.
    #[must_use]
    pub fn with_placement(self, placement: PlacementName) -> Self {
        Self {
            placement: Some(placement),
            ..self
        }
    }

    /// Sets the name that people read. The default is the id for a new tenant, and no change for one
    /// that is known.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Sets the status. The default is `provisioning` for a new tenant, and no change for one that
    /// is known: a seed that runs at each start does not bring back a suspended tenant.
    ///
    /// For the directory's `create` it is the status that the creation ends in, once the tenant's place is made.
    /// The default is `active` there.
    #[must_use]
    pub fn with_status(self, status: TenantStatus) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// Adds a host name of the tenant's own. Domains that are not listed are taken from it.
    #[must_use]
    pub fn with_domain(mut self, domain: Domain) -> Self {
        self.domains.push(domain);
        self
    }

    /// Sets the members to these. Subjects that are not listed are no longer members.
    #[must_use]
    pub fn with_members(self, members: impl IntoIterator<Item = Member>) -> Self {
        Self {
            members: members.into_iter().collect(),
            replaces_members: true,
            ..self
        }
    }

    /// Adds a member. Members that are not listed stay, unless [`with_members`](Self::with_members)
    /// has been called.
    #[must_use]
    pub fn with_member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }
}

/// A tenant as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub(crate) record: TenantHandle,
    pub(crate) name: String,
    pub(crate) domains: Vec<Domain>,
}

impl DirectoryEntry {
    /// The name that people read.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tenant's own host names.
    #[must_use]
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// The change of a tenant that was `before` and is this now, with its old names and its new ones; a tenant that is new
    /// was `None` before. Publish it once the change is committed, where no database notifies of it (SQLite): a cache then
    /// forgets the misses of these names alone.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn rename(
    /// #     directory: &tenancy_sqlx::SqliteDirectory,
    /// #     tenant: &tenancy_sqlx::NewTenant,
    /// #     id: &tenancy_core::names::TenantId,
    /// #     cache: &impl tenancy_core::directory::Invalidate,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let before = directory.find_by_id(id).await?;
    /// let renamed = directory.upsert(tenant).await?;
    /// cache.invalidate(&renamed.change_from(before.as_ref()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn change_from(&self, before: Option<&Self>) -> Change {
        let mut names = Vec::new();
        for entry in before.into_iter().chain([self]) {
            let slug = TenantKey::Slug(entry.record.slug.clone());
            let external_id = entry.record.external_id.clone().map(TenantKey::External);
            let domains = entry.domains.iter().cloned().map(TenantKey::Domain);
            for name in [slug].into_iter().chain(external_id).chain(domains) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Change::Tenant {
            id: self.record.id.clone(),
            names,
        }
    }
}

impl TenantEntry for DirectoryEntry {
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

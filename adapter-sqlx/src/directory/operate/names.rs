//! A tenant's names and domains, changed one by one.

use tenancy_core::names::{Domain, ExternalId, Slug, TenantId};

use crate::directory::error::{DirectoryError, UpsertError};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers};
use crate::directory::store::rows::find_entry;
use crate::directory::tenants::entry::{DirectoryEntry, NewTenant};

/// Which names of a tenant are changed. Those that are not mentioned stay.
///
/// ```
/// use tenancy_sqlx::Renaming;
///
/// let renaming = Renaming::new().with_slug("acme-inc".parse()?).with_name("Acme Inc.");
/// assert!(!renaming.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    slug: Option<Slug>,
    name: Option<String>,
    external_id: Option<Option<ExternalId>>,
}

impl Renaming {
    /// A renaming that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slug.is_none() && self.name.is_none() && self.external_id.is_none()
    }

    /// Sets the slug. The old one is given to no other tenant before its quarantine is over.
    #[must_use]
    pub fn with_slug(self, slug: Slug) -> Self {
        Self {
            slug: Some(slug),
            ..self
        }
    }

    /// Sets the name that people read.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Sets the identity provider's organisation id; `None` takes it away.
    #[must_use]
    pub fn with_external_id(self, external_id: Option<ExternalId>) -> Self {
        Self {
            external_id: Some(external_id),
            ..self
        }
    }

    fn apply(self, mut tenant: NewTenant) -> NewTenant {
        tenant.slug = self.slug.unwrap_or(tenant.slug);
        tenant.name = self.name.or(tenant.name);
        tenant.external_id = self.external_id.unwrap_or(tenant.external_id);
        tenant
    }
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Changes names of a tenant, and nothing else: two who change different things at once both succeed, since what stays
    /// is read in the same transaction. Returns the tenant as it is now.
    ///
    /// # Errors
    ///
    /// A name that is reserved, another tenant's or in quarantine; if there is no such tenant, or the directory cannot be
    /// changed.
    pub async fn rename(&self, id: &TenantId, renaming: Renaming) -> Result<DirectoryEntry, UpsertError> {
        self.change_entry(id, |tenant| renaming.apply(tenant)).await
    }

    /// Gives a tenant one more domain. Returns `false` if it has it already.
    ///
    /// # Errors
    ///
    /// A domain that is another tenant's or in quarantine; if there is no such tenant, or the directory cannot be changed.
    pub async fn add_domain(&self, id: &TenantId, domain: &Domain) -> Result<bool, UpsertError> {
        let mut is_new = false;
        self.change_entry(id, |tenant| {
            is_new = !tenant.domains.contains(domain);
            if is_new {
                tenant.with_domain(domain.clone())
            } else {
                tenant
            }
        })
        .await?;
        Ok(is_new)
    }

    /// Takes one domain from a tenant. It is given to no other before its quarantine is over. Returns `false` if the tenant
    /// does not have it.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the directory cannot be changed.
    pub async fn remove_domain(&self, id: &TenantId, domain: &Domain) -> Result<bool, UpsertError> {
        let mut was_there = false;
        self.change_entry(id, |mut tenant| {
            was_there = tenant.domains.contains(domain);
            tenant.domains.retain(|other| other != domain);
            tenant
        })
        .await?;
        Ok(was_there)
    }

    /// Puts a tenant there again as `with` changes it. Other writers wait, so nothing that they write is overwritten.
    async fn change_entry(
        &self,
        id: &TenantId,
        with: impl FnOnce(NewTenant) -> NewTenant,
    ) -> Result<DirectoryEntry, UpsertError> {
        let mut change = self.begin(Writers::All).await?;
        let known = find_entry::<DB>(change.connection_mut(), id).await?;
        let known = known.ok_or_else(|| DirectoryError::UnknownTenant { id: id.clone() })?;
        let entry = self.upsert_in(&mut change, &with(as_new(&known))).await?;
        change.commit().await?;
        Ok(entry)
    }
}

/// The tenant as it is. What is not mentioned here an upsert leaves alone: status, placement, members.
fn as_new(known: &DirectoryEntry) -> NewTenant {
    let record = &known.record;
    let mut tenant = NewTenant::new(record.id.clone(), record.strategy.clone()).with_slug(record.slug.clone());
    tenant.external_id.clone_from(&record.external_id);
    tenant.domains.clone_from(&known.domains);
    tenant
}

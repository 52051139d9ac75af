//! What a directory knows of a tenant.

use crate::names::{ExternalId, ParseError, ParseProblem, PlacementName, Slug, StrategyName, TenantId, TenantKey};

/// Where a tenant is in its life. Only an active one is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum TenantStatus {
    /// Its schema, database or rows are being created.
    Provisioning,
    /// It is served.
    Active,
    /// It is not served for now, such as one that is unpaid or under investigation.
    Suspended,
    /// It is no longer served, and its data has not been removed yet.
    Archived,
}

impl TenantStatus {
    /// The status as configuration and directories spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
        }
    }
}

impl core::str::FromStr for TenantStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Provisioning, Self::Active, Self::Suspended, Self::Archived]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(ParseError::new(
                "a status",
                "`provisioning`, `active`, `suspended` or `archived`",
                ParseProblem::Form,
            ))
    }
}

/// The part of a tenant's record that enforcement and isolation need. About 250 bytes, without the feature `std` 350.
///
/// In memory the fields stand in this order: what an admission reads, whether the tenant is served and whether it is the one
/// that was named, are next to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(C)]
#[doc(alias = "organization")]
#[doc(alias = "workspace")]
pub struct TenantRecord {
    /// Where the tenant is in its life.
    pub status: TenantStatus,
    /// Immutable: what the tenant's data carries.
    pub id: TenantId,
    /// The name in addresses.
    pub slug: Slug,
    /// The identity provider's organisation id, where there is one.
    pub external_id: Option<ExternalId>,
    /// How its data is isolated.
    pub strategy: StrategyName,
    /// Where its data is, for strategies that know several locations; `None` is the strategy's default.
    pub placement: Option<PlacementName>,
    /// How often its data has moved. Where the data's place is fenced, a transaction begins only if the place knows the same
    /// number: so a record from before a move reaches nothing.
    pub epoch: u64,
    /// How often its status has changed, counted by the directory. Of two changes that reach a fenced place in the wrong order,
    /// the one of the greater revision stays.
    pub revision: u64,
}

impl TenantRecord {
    /// An active tenant whose slug is its id and that has no external id.
    #[must_use]
    pub fn new(id: TenantId, strategy: StrategyName) -> Self {
        Self {
            slug: id.to_slug(),
            id,
            external_id: None,
            status: TenantStatus::Active,
            strategy,
            placement: None,
            epoch: 0,
            revision: 0,
        }
    }

    /// Sets the slug.
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

    /// Sets where the tenant's data is.
    #[must_use]
    pub fn with_placement(self, placement: PlacementName) -> Self {
        Self {
            placement: Some(placement),
            ..self
        }
    }

    /// Sets how often the data has moved. The default is 0.
    #[must_use]
    pub fn with_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// Sets how often the status has changed. The default is 0.
    #[must_use]
    pub fn with_revision(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(self, status: TenantStatus) -> Self {
        Self { status, ..self }
    }

    /// Whether `key` is a name of this tenant. A record holds no domains: those are the entry's.
    #[must_use]
    pub fn answers_to(&self, key: &TenantKey) -> bool {
        match key {
            TenantKey::Id(id) => self.id == *id,
            TenantKey::Slug(slug) => self.slug == *slug,
            TenantKey::External(external) => self.external_id.as_ref() == Some(external),
            TenantKey::Domain(_) => false,
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use core::mem::{offset_of, size_of};

    use super::*;

    /// Behind the two counters of an `Arc`, a short id and the status are in the first line of memory, or two.
    #[test]
    fn what_an_admission_reads_is_together() {
        assert_eq!(offset_of!(TenantRecord, status), 0);
        assert_eq!(offset_of!(TenantRecord, id), 1);
        assert!(size_of::<TenantRecord>() <= 256, "{}", size_of::<TenantRecord>());
    }
}

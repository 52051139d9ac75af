//! What has happened to tenants, as the directory remembers it.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tenancy_core::lifecycle::Stage;
use tenancy_core::names::{Subject, TenantId};

use super::attribution::Attribution;
use crate::directory::error::DirectoryError;
use crate::directory::store::database::Queries;

/// What has happened to a tenant. It is written in the transaction of the change, so there is no change without its event, and
/// no event without its change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantEvent {
    /// Its place in the order of commits. Gaps mean nothing.
    pub seq: i64,
    /// The tenant. `None` where the change was about a name that is no tenant's any more.
    pub tenant: Option<TenantId>,
    /// What has happened.
    pub kind: EventKind,
    /// What was before, where there was something: a status, a name, the roles of a member.
    pub before: Option<String>,
    /// What is since.
    pub after: Option<String>,
    /// Whose membership has changed. It is personal, and `None` once it is erased.
    pub member: Option<EventMember>,
    /// Who has made the change.
    pub actor: String,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// When, by the clock of the process that made the change. The order of events is that of `seq`.
    pub at: SystemTime,
}

/// The member that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventMember {
    /// The token's subject.
    pub subject: String,
    /// The issuer that the membership names; `None` if it names none.
    pub issuer: Option<String>,
}

/// What has happened to a tenant. A later version of this library, or an application, may have others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKind(Cow<'static, str>);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        impl EventKind {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// All kinds that this version writes.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];
        }
    };
}

kinds! {
    /// It was put into the directory. `after` is its status.
    CREATED = "tenant.created",
    /// Its creation ended: its place is made.
    COMPLETED = "tenant.completed",
    /// It is not served for now.
    SUSPENDED = "tenant.suspended",
    /// It is served again.
    ACTIVATED = "tenant.activated",
    /// Its service has ended.
    ARCHIVED = "tenant.archived",
    /// It was taken back from the archive, and is suspended.
    RESTORED = "tenant.restored",
    /// Its data is being removed: it is not taken back any more.
    DELETION_BEGAN = "tenant.deletion_began",
    /// Its data and its entry are removed.
    DELETED = "tenant.deleted",
    /// Its slug was changed.
    SLUG_CHANGED = "slug.changed",
    /// The identity provider's organisation id was changed, given or taken.
    EXTERNAL_ID_CHANGED = "external_id.changed",
    /// The name that people read was changed.
    NAME_CHANGED = "name.changed",
    /// Its data is in another place.
    PLACEMENT_CHANGED = "placement.changed",
    /// It has one more domain, which is `after`.
    DOMAIN_ADDED = "domain.added",
    /// It has one domain less, which was `before`.
    DOMAIN_REMOVED = "domain.removed",
    /// It has one more member, whose roles are `after`, one a line.
    MEMBER_ADDED = "member.added",
    /// A member has other roles.
    MEMBER_CHANGED = "member.changed",
    /// A membership has ended.
    MEMBER_REMOVED = "member.removed",
    /// The application's own data of it was replaced. `after` is its revision.
    METADATA_CHANGED = "metadata.changed",
    /// Settings of it were changed. `before` has the changed keys that had a value before, one a line, and `after` those that have
    /// one since. The values may be secret, and are in no event.
    SETTINGS_CHANGED = "settings.changed",
    /// Somebody was about to work with its data outside of a request. `after` is `read` or `write`.
    ACCESSED = "tenant.accessed",
    /// Somebody was about to look at all tenants of a strategy at once. `after` is its name.
    ACCESSED_ACROSS_TENANTS = "tenants.accessed",
    /// Its fenced place was written anew, as the directory says.
    PLACE_RESTATED = "place.restated",
    /// Somebody may be let into it for a while, who is no member of it. `after` has lines: the grant's id, who it is for, and when
    /// it ends in seconds since 1970.
    IMPERSONATION_GRANTED = "impersonation.granted",
    /// They were let in: the grant is redeemed. `after` is the grant's id, and the actor is who was let in.
    IMPERSONATION_STARTED = "impersonation.started",
    /// They are not let in any more. `before` is the grant's id, and `after` why: `ended`, `archived` with the tenant, `expired`, or
    /// `unused` where it has expired and was never redeemed. The last two are written when somebody looks, and not at the very time.
    IMPERSONATION_ENDED = "impersonation.ended",
    /// A strategy's databases were fenced. `after` is its name.
    FENCE_ENABLED = "fence.enabled",
    /// A name may be given to another tenant before its quarantine is over. `before` is its form and the name.
    QUARANTINE_ENDED = "quarantine.ended",
}

impl EventKind {
    /// The kind as it is stored, such as `tenant.suspended`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind of what led a tenant to a stage.
    pub(in crate::directory) const fn of_transition(from: Stage, to: Stage) -> Self {
        match (from, to) {
            (Stage::Provisioning, Stage::Active | Stage::Suspended) => Self::COMPLETED,
            (_, Stage::Active) => Self::ACTIVATED,
            (Stage::Archived, Stage::Suspended) => Self::RESTORED,
            (_, Stage::Suspended) => Self::SUSPENDED,
            (_, Stage::Archived) => Self::ARCHIVED,
            (_, Stage::Removed) => Self::DELETED,
            (_, Stage::Provisioning) => Self::CREATED,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event that is not written yet.
#[derive(Clone, Debug)]
pub(in crate::directory) struct PendingEvent {
    pub(in crate::directory) tenant: Option<TenantId>,
    pub(in crate::directory) kind: EventKind,
    pub(in crate::directory) before: Option<String>,
    pub(in crate::directory) after: Option<String>,
    pub(in crate::directory) member: Option<(Subject, String)>,
    /// Who has done it, where that is another than who changes the directory.
    pub(in crate::directory) by: Option<Attribution>,
}

impl PendingEvent {
    pub(in crate::directory) fn new(tenant: &TenantId, kind: EventKind) -> Self {
        Self {
            tenant: Some(tenant.clone()),
            ..Self::about_a_name(kind)
        }
    }

    /// Of a name that may be no tenant's any more.
    pub(in crate::directory) const fn about_a_name(kind: EventKind) -> Self {
        Self {
            tenant: None,
            kind,
            before: None,
            after: None,
            member: None,
            by: None,
        }
    }

    pub(in crate::directory) fn from(self, before: impl Into<String>) -> Self {
        Self {
            before: Some(before.into()),
            ..self
        }
    }

    pub(in crate::directory) fn to(self, after: impl Into<String>) -> Self {
        Self {
            after: Some(after.into()),
            ..self
        }
    }

    /// Where there may have been nothing before, or is nothing now.
    pub(in crate::directory) fn between(self, before: Option<&str>, after: Option<&str>) -> Self {
        Self {
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            ..self
        }
    }

    /// Done by somebody else than who changes the directory.
    pub(in crate::directory) fn by(self, by: Attribution) -> Self {
        Self { by: Some(by), ..self }
    }

    /// Of a membership. The issuer is the empty text where the membership names none.
    pub(in crate::directory) fn of(self, subject: &Subject, issuer: &str) -> Self {
        Self {
            member: Some((subject.clone(), issuer.to_owned())),
            ..self
        }
    }
}

/// The columns that [`parse`] reads.
pub(in crate::directory) const COLUMNS: &str = "seq, tenant, kind, before, after, subject, issuer, actor, reason, at";

pub(in crate::directory) fn parse<DB: Queries>(row: &DB::Row) -> Result<TenantEvent, DirectoryError> {
    let text = |column| DB::text(row, column).map(|text| text.map(str::to_owned));
    let tenant = DB::text(row, "tenant")?.map(str::parse).transpose();
    let milliseconds = u64::try_from(DB::number(row, "at")?).unwrap_or_default();
    let issuer = text("issuer")?.filter(|issuer| !issuer.is_empty());
    Ok(TenantEvent {
        seq: DB::number(row, "seq")?,
        tenant: tenant.map_err(|source| DirectoryError::Corrupt {
            column: "tenant",
            source,
        })?,
        kind: EventKind(Cow::Owned(text("kind")?.unwrap_or_default())),
        before: text("before")?,
        after: text("after")?,
        member: text("subject")?.map(|subject| EventMember { subject, issuer }),
        actor: text("actor")?.unwrap_or_default(),
        reason: text("reason")?,
        at: UNIX_EPOCH + Duration::from_millis(milliseconds),
    })
}

/// Milliseconds since 1970, as events and cursors have them.
pub(in crate::directory) fn unix_milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

//! The tenants that an issuer is bound to.

use crate::directory::TenantRecord;
use crate::names::TenantKey;

#[cfg(feature = "std")]
type Held = std::sync::Arc<[TenantKey]>;
#[cfg(not(feature = "std"))]
type Held = &'static [TenantKey];

/// The tenants that an issuer may speak for, and no others. Cheap to clone: it is shared where there is an allocator (feature
/// `std`), else static.
///
/// An issuer of one organisation must not name the tenants of another, whatever its tokens or the directory say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerTenants {
    keys: Held,
    /// What another layer has bound the same caller's issuer to.
    #[cfg(feature = "std")]
    also: Option<std::sync::Arc<Self>>,
}

impl IssuerTenants {
    const fn new(keys: Held) -> Self {
        Self {
            keys,
            #[cfg(feature = "std")]
            also: None,
        }
    }

    /// Whether `tenant` is one of them, by any of its names.
    #[must_use]
    pub fn include(&self, tenant: &TenantRecord) -> bool {
        let is_one = self.keys.iter().any(|key| tenant.answers_to(key));
        #[cfg(feature = "std")]
        let is_one = is_one && self.also.as_ref().is_none_or(|also| also.include(tenant));
        is_one
    }

    /// Those that are among both.
    #[cfg(feature = "std")]
    pub(crate) fn and(self, other: &Self) -> Self {
        if self == *other {
            return self;
        }
        let also = match &self.also {
            Some(also) => Self::clone(also).and(other),
            None => other.clone(),
        };
        Self {
            also: Some(also.into()),
            ..self
        }
    }
}

#[cfg(feature = "std")]
impl From<std::sync::Arc<[TenantKey]>> for IssuerTenants {
    fn from(tenants: std::sync::Arc<[TenantKey]>) -> Self {
        Self::new(tenants)
    }
}

impl From<&'static [TenantKey]> for IssuerTenants {
    fn from(tenants: &'static [TenantKey]) -> Self {
        #[cfg(feature = "std")]
        return Self::new(Held::from(tenants));
        #[cfg(not(feature = "std"))]
        Self::new(tenants)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::names::Subject;
    use crate::request::VerifiedClaims;

    /// Claims of an application's own, which say no more than they must.
    struct Session(Subject, Option<IssuerTenants>);

    impl VerifiedClaims for Session {
        fn subject(&self) -> &Subject {
            &self.0
        }

        fn tenant(&self) -> Option<&TenantKey> {
            None
        }

        fn lists(&self, _: &TenantRecord) -> bool {
            false
        }

        fn issuer_tenants(&self) -> Option<IssuerTenants> {
            self.1.clone()
        }
    }

    #[test]
    fn claims_that_are_bound_speak_for_no_other_tenant() {
        let tenant = |id: &str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        let globex = tenant("globex").with_slug("shop".parse().unwrap());
        let bound: std::sync::Arc<[TenantKey]> = [
            TenantKey::Id("acme".parse().unwrap()),
            TenantKey::Slug("shop".parse().unwrap()),
        ]
        .into();
        let none: std::sync::Arc<[TenantKey]> = [].into();
        for (bound, acme, shop, other) in [
            (None, true, true, true),
            (Some(bound.into()), true, true, false),
            (Some(none.into()), false, false, false),
        ] {
            let session = Session(Subject::from_static("alice"), bound);
            assert_eq!(session.may_speak_for(&tenant("acme")), acme);
            assert_eq!(session.may_speak_for(&globex), shop);
            // Its id is the other's slug.
            let shop_by_id = tenant("shop").with_slug("other".parse().unwrap());
            assert_eq!(session.may_speak_for(&shop_by_id), other);
        }
    }
}

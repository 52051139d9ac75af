//! What enforcement ends in.

use crate::enforce::{Admitted, Caller, Cause, Rejection, Standing, Visit};

/// How a request that is not refused is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "std"),
    expect(clippy::large_enum_variant, reason = "there is no allocator to box with")
)]
pub enum Outcome {
    /// A member acts in a tenant.
    Admitted(Admitted),
    /// Anyone reads what a tenant shows.
    Visit(Visit),
    /// An optional route, and the request names no tenant.
    NoTenant,
    /// A route under [`Access::Authenticated`](crate::enforce::Access::Authenticated): a verified caller acts in no tenant.
    Authenticated(Caller),
}

impl Outcome {
    /// What holds where one layer stands inside another: `self` is the inner one's outcome.
    ///
    /// The inner one may confirm the outer tenant, and turn a visit into a member's capability. It
    /// never replaces tenant or member, and the tenant that was found outside does not get lost.
    ///
    /// A caller is another dimension. An outcome without a tenant or with a visit has no room for one that another layer
    /// has verified: [`TenantScope::within`](crate::context::TenantScope::within) holds both, and compares all callers.
    ///
    /// # Errors
    ///
    /// Where the inner outcome contradicts the outer one.
    pub fn within(self, outer: &Self) -> Result<Self, Rejection> {
        match (outer, &self) {
            (Self::Authenticated(caller), Self::Admitted(inner)) if !caller.is_same(inner.caller()) => {
                Err(Rejection::new(Cause::CallerReplaced))
            }
            (Self::Admitted(_) | Self::Authenticated(_), Self::Authenticated(inner))
                if !outer.caller().is_some_and(|caller| caller.is_same(inner)) =>
            {
                Err(Rejection::new(Cause::CallerReplaced))
            }
            (_, Self::Authenticated(_)) => Ok(outer.clone()),
            (Self::NoTenant | Self::Authenticated(_), _) => Ok(self),
            (Self::Admitted(_), Self::NoTenant) => Ok(outer.clone()),
            (Self::Admitted(member), Self::Admitted(inner))
                if member.id() == inner.id() && is_same_member(member, inner) =>
            {
                Ok(outer.clone())
            }
            (Self::Admitted(member), Self::Visit(visit)) if member.id() == visit.id() => Ok(outer.clone()),
            (Self::Visit(visit), Self::Admitted(member)) if visit.id() == member.id() => Ok(self),
            (Self::Visit(visit), Self::Visit(inner)) if visit.id() == inner.id() => Ok(outer.clone()),
            _ => Err(Rejection::new(Cause::TenantReplaced)),
        }
    }

    /// Who acts: a member, or the caller of a route without a tenant. A job has no caller.
    #[must_use]
    pub const fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Admitted(admitted) if matches!(admitted.standing(), Standing::Job) => None,
            Self::Admitted(admitted) => Some(admitted.caller()),
            Self::Authenticated(caller) => Some(caller),
            Self::Visit(_) | Self::NoTenant => None,
        }
    }
}

pub(super) fn is_same_member(outer: &Admitted, inner: &Admitted) -> bool {
    outer.caller().is_same(inner.caller()) && outer.standing() == inner.standing()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::TenantRecord;
    use crate::names::ResolverName;

    fn member(id: &str, subject: &str) -> Outcome {
        let tenant = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        let resolver = ResolverName::from_static("header");
        Outcome::Admitted(Admitted::dangerously_assume(tenant, resolver, subject.parse().unwrap()))
    }

    fn visit(id: &str) -> Outcome {
        let Outcome::Admitted(admitted) = member(id, "a") else {
            return Outcome::NoTenant;
        };
        Outcome::Visit(admitted.to_visit())
    }

    fn member_by(issuer: &'static str) -> Outcome {
        match member("a", "x") {
            Outcome::Admitted(admitted) => Outcome::Admitted(Admitted::new(
                admitted.to_visit(),
                Caller::new(admitted.subject().clone(), Some(issuer.into())),
                admitted.standing(),
                admitted.roles().clone(),
            )),
            outcome => outcome,
        }
    }

    #[test]
    fn subjects_of_two_issuers_are_two_callers() {
        let replaced = || Err(Rejection::new(Cause::TenantReplaced));
        for (outer, inner, expected) in [
            (member_by("i"), member_by("i"), Ok(member_by("i"))),
            (member_by("i"), member_by("j"), replaced()),
            (member_by("i"), member("a", "x"), Ok(member_by("i"))),
            (member("a", "x"), member_by("i"), Ok(member("a", "x"))),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
    }

    fn caller(subject: &str) -> Outcome {
        Outcome::Authenticated(Caller::dangerously_assume(subject.parse().unwrap()))
    }

    fn caller_by(issuer: &'static str) -> Outcome {
        Outcome::Authenticated(Caller::new("x".parse().unwrap(), Some(issuer.into())))
    }

    #[test]
    fn a_caller_is_confirmed_and_neither_gives_nor_takes_a_tenant() {
        let replaced = || Err(Rejection::new(Cause::CallerReplaced));
        for (outer, inner, expected) in [
            (caller("x"), caller("x"), Ok(caller("x"))),
            (caller("x"), caller("y"), replaced()),
            (caller_by("i"), caller_by("j"), replaced()),
            (caller("x"), member("a", "x"), Ok(member("a", "x"))),
            (caller("x"), member("a", "y"), replaced()),
            (caller_by("i"), member_by("j"), replaced()),
            (caller("x"), visit("a"), Ok(visit("a"))),
            (caller("x"), Outcome::NoTenant, Ok(Outcome::NoTenant)),
            (member("a", "x"), caller("x"), Ok(member("a", "x"))),
            (member("a", "x"), caller("y"), replaced()),
            (member_by("i"), caller_by("j"), replaced()),
            (visit("a"), caller("x"), Ok(visit("a"))),
            (Outcome::NoTenant, caller("x"), Ok(Outcome::NoTenant)),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
    }

    #[test]
    fn an_inner_layer_confirms_and_narrows_and_nothing_else() {
        let replaced = || Err(Rejection::new(Cause::TenantReplaced));
        for (outer, inner, expected) in [
            (Outcome::NoTenant, Outcome::NoTenant, Ok(Outcome::NoTenant)),
            (Outcome::NoTenant, member("a", "x"), Ok(member("a", "x"))),
            (member("a", "x"), member("a", "x"), Ok(member("a", "x"))),
            (member("a", "x"), member("a", "y"), replaced()),
            (member("a", "x"), member("b", "x"), replaced()),
            (member("a", "x"), visit("a"), Ok(member("a", "x"))),
            (member("a", "x"), visit("b"), replaced()),
            (member("a", "x"), Outcome::NoTenant, Ok(member("a", "x"))),
            (visit("a"), member("a", "x"), Ok(member("a", "x"))),
            (visit("a"), member("b", "x"), replaced()),
            (visit("a"), visit("a"), Ok(visit("a"))),
            (visit("a"), visit("b"), replaced()),
            (visit("a"), Outcome::NoTenant, replaced()),
        ] {
            assert_eq!(inner.clone().within(&outer), expected, "{inner:?} in {outer:?}");
        }
    }
}

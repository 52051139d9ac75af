//! The routes of callers: under `authenticated`, alone and inside and around every other policy. One table, which each
//! framework makes routes of.

pub(super) mod axum;
pub(super) mod hyper;
pub(super) mod poem;
pub(super) mod warp;

/// What a route's handler extracts and shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shows {
    Caller,
    Payload,
    Member,
    Maybe,
    Visitor,
}

/// A layer around a route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Around {
    Authenticated,
    Scoped,
    Optional,
    Public,
    /// Of a second `Tenancy`, which knows the caller by another field.
    OtherAuthenticated,
    OtherScoped,
}

use Around::{Authenticated, Optional, OtherAuthenticated, OtherScoped, Public, Scoped};
use Shows::{Caller, Maybe, Member, Payload, Visitor};

/// Paths, handlers, and the layers around them from the inside out.
pub(crate) const ROUTES: [(&str, Shows, &[Around]); 39] = [
    ("alone", Caller, &[Authenticated]),
    ("thrice", Caller, &[Authenticated, Authenticated, Authenticated]),
    ("unguarded", Caller, &[]),
    ("scoped", Caller, &[Scoped]),
    ("optional", Caller, &[Optional]),
    ("public", Caller, &[Public]),
    ("in-scoped", Caller, &[Authenticated, Scoped]),
    ("in-optional", Caller, &[Authenticated, Optional]),
    ("in-public", Caller, &[Authenticated, Public]),
    ("around-scoped", Caller, &[Scoped, Authenticated]),
    ("around-optional", Caller, &[Optional, Authenticated]),
    ("around-public", Caller, &[Public, Authenticated]),
    ("between", Caller, &[Scoped, Authenticated, Public]),
    ("on-both-sides", Caller, &[Authenticated, Scoped, Authenticated]),
    ("other-in-alone", Caller, &[OtherAuthenticated, Authenticated]),
    ("other-in-scoped", Caller, &[OtherAuthenticated, Scoped]),
    ("other-in-optional", Caller, &[OtherAuthenticated, Optional]),
    ("other-in-public", Caller, &[OtherAuthenticated, Public]),
    ("other-around-scoped", Caller, &[Scoped, OtherAuthenticated]),
    ("other-around-optional", Caller, &[Optional, OtherAuthenticated]),
    ("other-around-public", Caller, &[Public, OtherAuthenticated]),
    ("other-scoped-in-alone", Caller, &[OtherScoped, Authenticated]),
    ("other-scoped-in-scoped", Caller, &[OtherScoped, Scoped]),
    ("other-scoped-in-optional", Caller, &[OtherScoped, Optional]),
    (
        "other-between",
        Caller,
        &[Authenticated, OtherAuthenticated, Authenticated],
    ),
    ("member-alone", Member, &[Authenticated]),
    ("maybe-alone", Maybe, &[Authenticated]),
    ("visitor-alone", Visitor, &[Authenticated]),
    ("member-in-scoped", Member, &[Authenticated, Scoped]),
    ("member-around-scoped", Member, &[Scoped, Authenticated]),
    ("maybe-in-optional", Maybe, &[Authenticated, Optional]),
    ("maybe-around-optional", Maybe, &[Optional, Authenticated]),
    ("visitor-in-public", Visitor, &[Authenticated, Public]),
    ("visitor-around-public", Visitor, &[Public, Authenticated]),
    ("payload", Payload, &[Authenticated]),
    ("payload-scoped", Payload, &[Scoped]),
    ("payload-optional", Payload, &[Optional]),
    ("payload-public", Payload, &[Public]),
    ("payload-of-another-type", Payload, &[OtherAuthenticated]),
];

/// Where the routes stand.
pub(crate) const PREFIX: &str = "callers";

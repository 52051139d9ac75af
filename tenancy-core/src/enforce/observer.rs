//! What a walk through the steps shows of itself.

use crate::directory::{Decision, TenantRecord};
use crate::names::TenantKey;

/// Sees what is answered on a walk through the steps, by [`drive_observed`](crate::enforce::drive_observed) or
/// [`drive_now_observed`](crate::enforce::drive_now_observed). It changes nothing.
///
/// `()` sees nothing, and `None` of an observer neither.
#[doc(alias = "trace")]
pub trait Observer {
    /// The directory has answered about a key.
    fn looked_up(&mut self, key: &TenantKey, answer: LookUpAnswer<'_>) {
        let _ = (key, answer);
    }

    /// The authorizer has answered about the caller.
    fn authorized(&mut self, answer: MembershipAnswer<'_>) {
        let _ = answer;
    }
}

/// A directory's answer.
#[derive(Clone, Copy, Debug)]
pub enum LookUpAnswer<'a> {
    /// An entry, which may still be refused: for its status, or since it does not answer to the key.
    Found(&'a TenantRecord),
    /// There is no such tenant.
    Missing,
    /// It failed.
    Unavailable,
}

/// An authorizer's answer.
#[derive(Clone, Copy, Debug)]
pub enum MembershipAnswer<'a> {
    /// It decided.
    Decided(&'a Decision),
    /// It failed.
    Unavailable,
}

impl Observer for () {}

impl<O: Observer> Observer for &mut O {
    fn looked_up(&mut self, key: &TenantKey, answer: LookUpAnswer<'_>) {
        (**self).looked_up(key, answer);
    }

    fn authorized(&mut self, answer: MembershipAnswer<'_>) {
        (**self).authorized(answer);
    }
}

impl<O: Observer> Observer for Option<O> {
    fn looked_up(&mut self, key: &TenantKey, answer: LookUpAnswer<'_>) {
        if let Some(observer) = self {
            observer.looked_up(key, answer);
        }
    }

    fn authorized(&mut self, answer: MembershipAnswer<'_>) {
        if let Some(observer) = self {
            observer.authorized(answer);
        }
    }
}

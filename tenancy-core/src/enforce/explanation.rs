//! Why a request was answered as it was, for the operator.

use std::fmt;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::directory::{Authorizer, Decision, Directory, TenantRecord, TenantStatus};
use crate::enforce::{
    Access, Caller, Enforcer, LookUpAnswer, MembershipAnswer, Observer, Outcome, Refused, Rejection,
    drive_now_observed, drive_observed,
};
use crate::names::{ResolverName, TenantId, TenantKey};
use crate::request::{Actor, Credentials, RequestView};
use crate::resolve::Malformed;

/// Decides on a request as enforcement does, and says how it came to the answer.
///
/// The steps are those of [`Enforcer::begin`], walked by [`drive_observed`], so the answer cannot differ from enforcement's.
/// Directory and authorizer are queried as for a request.
///
/// # Security
///
/// An explanation tells tenants apart that a caller must not be able to tell apart. It is for logs and for operators,
/// never for the client.
pub async fn explain<D: Directory, A: Authorizer>(
    enforcer: &Enforcer,
    request: &RequestView<'_>,
    access: Access,
    directory: &D,
    authorizer: &A,
) -> Explanation {
    let mut trace = Trace::new();
    let mut key = None;
    let step = enforcer.begin(request, access, &mut key);
    let decided = drive_observed(step, directory, authorizer, &mut trace).await;
    let (decided, fault) = match decided {
        Ok(outcome) => (Ok(outcome), None),
        Err(Refused { rejection, fault }) => (Err(rejection), fault.map(|fault| chain_of(&fault))),
    };
    Explanation {
        fault,
        ..trace.explain(enforcer, request, access, decided)
    }
}

/// As [`explain`], as far as answers are available without waiting; `None` where one must be awaited.
#[must_use]
pub fn explain_now<D: Directory, A: Authorizer>(
    enforcer: &Enforcer,
    request: &RequestView<'_>,
    access: Access,
    directory: &D,
    authorizer: &A,
) -> Option<Explanation> {
    let mut trace = Trace::new();
    let mut key = None;
    let step = enforcer.begin(request, access, &mut key);
    let decided = drive_now_observed(step, directory, authorizer, &mut trace).ok()?;
    Some(trace.explain(enforcer, request, access, decided))
}

/// An error and its sources, in one line.
fn chain_of(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The decision on one request, step by step.
///
/// `Display` writes it in one line, and with `{:#}` in one line for each step. It holds parsed names only, nothing of the
/// request that was not parsed, and no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    access: Access,
    credentials: &'static str,
    caller: Option<Caller>,
    readings: Vec<Reading>,
    trace: Trace,
    decided: Result<Outcome, Rejection>,
    fault: Option<String>,
}

impl Explanation {
    /// What enforcement comes to.
    ///
    /// # Errors
    ///
    /// The refusal, whose [`cause`](Rejection::cause) is the true one, also where the client receives less.
    pub const fn decided(&self) -> Result<&Outcome, &Rejection> {
        self.decided.as_ref()
    }

    /// The caller, if their credential was verified, also where the request is refused.
    #[must_use]
    pub const fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// The tenant that the directory has found, also where the request is refused; the last one where several keys were
    /// looked up.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        let mut found = self.trace.look_ups.iter().rev();
        found.find_map(|look_up| look_up.found.as_ref().map(|(id, _)| id))
    }

    /// What each resolver reads, by its name, in the order of the chain; `None` for one that is not reached.
    pub fn readings(&self) -> impl Iterator<Item = (&ResolverName, Option<&Result<Option<TenantKey>, Malformed>>)> {
        self.readings
            .iter()
            .map(|reading| (&reading.resolver, reading.read.as_ref()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    resolver: ResolverName,
    /// `None`: the resolver is not reached.
    read: Option<Result<Option<TenantKey>, Malformed>>,
}

/// What directory and authorizer have answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    look_ups: Vec<LookUp>,
    /// The authorizer's answer; the inner `None` is its failure.
    membership: Option<Option<Decision>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LookUp {
    key: TenantKey,
    is_available: bool,
    found: Option<(TenantId, TenantStatus)>,
}

impl Trace {
    /// A trace without steps, which observes a walk.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            look_ups: Vec::new(),
            membership: None,
        }
    }

    /// Adds what led to the walk, and what it came to.
    #[must_use]
    pub fn explain(
        self,
        enforcer: &Enforcer,
        request: &RequestView<'_>,
        access: Access,
        decided: Result<Outcome, Rejection>,
    ) -> Explanation {
        let is_read = enforcer.reads_credentials(access);
        let credentials = match request.credentials {
            _ if !is_read => "not read",
            Credentials::Absent => "absent",
            Credentials::Malformed => "malformed",
            Credentials::Invalid => "invalid",
            Credentials::Verified(_) => "verified",
        };
        let is_refused_before = is_read && matches!(request.credentials, Credentials::Malformed | Credentials::Invalid);
        let mut readings = Vec::new();
        enforcer.chain().each_reading(request, &mut |resolver, read| {
            let read = if is_refused_before || !enforcer.resolves(access) {
                None
            } else {
                read()
            };
            readings.push(Reading {
                resolver: resolver.clone(),
                read: read.clone(),
            });
            read
        });
        Explanation {
            access,
            credentials,
            caller: match request.credentials {
                Credentials::Verified(claims) if is_read => Some(Caller::of(claims)),
                _ => None,
            },
            readings,
            trace: self,
            decided,
            fault: None,
        }
    }
}

impl Observer for Trace {
    fn looked_up(&mut self, key: &TenantKey, answer: LookUpAnswer<'_>) {
        let found = |record: &TenantRecord| (record.id.clone(), record.status);
        self.look_ups.push(LookUp {
            key: key.clone(),
            is_available: !matches!(answer, LookUpAnswer::Unavailable),
            found: match answer {
                LookUpAnswer::Found(record) => Some(found(record)),
                LookUpAnswer::Missing | LookUpAnswer::Unavailable => None,
            },
        });
    }

    fn authorized(&mut self, answer: MembershipAnswer<'_>) {
        self.membership = Some(match answer {
            MembershipAnswer::Decided(decision) => Some(decision.clone()),
            MembershipAnswer::Unavailable => None,
        });
    }
}

/// A text of an issuer's or a directory's, between backticks: it ends neither the quote nor the line, and so cannot pass
/// for a step.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '`' => f.write_str("\\`"),
            other => other.escape_debug().fmt(f),
        })
    }
}

/// Who acts in the caller's place, and by what.
struct Acting<'a>(&'a Actor);

impl fmt::Display for Acting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(actor) = self;
        write!(f, "in whose place `{}`", Quoted(actor.subject().as_str()))?;
        if let Some(issuer) = actor.issuer() {
            write!(f, " of issuer `{}`", Quoted(issuer))?;
        }
        f.write_str(if actor.may_write() { " acts" } else { " reads" })?;
        match actor.grant() {
            Some(grant) => write!(f, " by the grant `{}`", Quoted(grant.as_str())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if f.alternate() { "\n" } else { "; " };
        write!(f, "policy {:?}{end}credentials {}", self.access, self.credentials)?;
        if let Some(caller) = &self.caller {
            write!(f, ": subject `{}`", Quoted(caller.subject().as_str()))?;
            if let Some(issuer) = caller.issuer() {
                write!(f, " of issuer `{}`", Quoted(issuer))?;
            }
            if let Some(actor) = caller.actor() {
                write!(f, ", {}", Acting(actor))?;
            }
        }
        for Reading { resolver, read } in &self.readings {
            write!(f, "{end}resolver `{resolver}`: ")?;
            match read {
                None => f.write_str("not reached"),
                Some(Ok(None)) => f.write_str("no match"),
                Some(Ok(Some(key))) => key.fmt(f),
                Some(Err(malformed)) => malformed.fmt(f),
            }?;
        }
        for look_up in &self.trace.look_ups {
            write!(f, "{end}directory: {} ", look_up.key)?;
            match &look_up.found {
                Some((id, status)) => write!(f, "is the tenant `{id}`, {}", status.as_str()),
                None if look_up.is_available => f.write_str("is unknown"),
                None => f.write_str("could not be looked up"),
            }?;
        }
        if let Some(membership) = &self.trace.membership {
            write!(f, "{end}authorizer: ")?;
            match membership {
                Some(Decision::Allow(roles)) => {
                    // Who is in nobody's place but their own is let in, and is no member.
                    let acts_alone =
                        |caller: &Caller| caller.actor().is_some_and(|actor| actor.subject() == caller.subject());
                    let is_let_in = self.caller.as_ref().is_some_and(acts_alone);
                    f.write_str(if is_let_in { "let in" } else { "a member" })?;
                    for (index, role) in roles.iter().enumerate() {
                        let before = if index == 0 { " in the roles" } else { "," };
                        write!(f, "{before} `{}`", Quoted(role.as_str()))?;
                    }
                    Ok(())
                }
                Some(Decision::AllowStaff) => f.write_str("staff of the platform"),
                Some(Decision::Deny) => f.write_str("no member"),
                None => f.write_str("no answer"),
            }?;
        }
        write!(f, "{end}")?;
        match &self.decided {
            Ok(Outcome::Admitted(admitted)) => write!(f, "admitted to `{}`", admitted.id()),
            Ok(Outcome::Visit(visit)) => write!(f, "a visit to `{}`", visit.id()),
            Ok(Outcome::NoTenant) => f.write_str("admitted without a tenant"),
            Ok(Outcome::Authenticated(_)) => f.write_str("admitted as a caller"),
            Err(rejection) => write!(
                f,
                "refused with {} {}: {rejection}",
                rejection.status(),
                rejection.code()
            ),
        }?;
        match &self.fault {
            Some(fault) => write!(f, "{end}fault: {}", fault.escape_debug()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_quoted_text_stays_in_its_quotes_and_line() {
        for (text, expected) in [
            ("alice", "alice"),
            ("a`; admitted to `b", "a\\`; admitted to \\`b"),
            ("a\\`", "a\\\\\\`"),
            ("a\nb\u{2028}c\u{202e}d", "a\\nb\\u{2028}c\\u{202e}d"),
            ("äß", "äß"),
        ] {
            assert_eq!(format!("{}", Quoted(text)), expected);
        }
    }
}

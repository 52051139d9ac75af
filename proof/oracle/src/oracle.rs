//! The order of the rules: who is asked, when, and what it comes to.

use crate::sources::{self, Read, Refusal};
use crate::{Answer, Case, Credentials, Form, Key, Mark, Membership, Mutation, Source, Status, Tenant};

/// The second statement of the rules, perhaps wrong on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracle {
    mutation: Option<Mutation>,
}

impl Oracle {
    /// An oracle that makes this mistake.
    #[must_use]
    pub const fn mutated(mutation: Mutation) -> Self {
        Self {
            mutation: Some(mutation),
        }
    }

    pub(crate) fn is(self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// The answer that the rules give.
    #[must_use]
    pub fn answer(self, case: &Case) -> Answer {
        self.decide(case)
            .unwrap_or_else(|refusal| refused(refusal.status, refusal.code))
    }

    /// The order of the rules: credentials, resolvers, conflict, nothing matched, no credentials, look-up, membership.
    fn decide(self, case: &Case) -> Result<Answer, Refusal> {
        if case.mark == Mark::Authenticated {
            return self.caller(case);
        }
        let credentials_first = !self.is(Mutation::CredentialsLast);
        if credentials_first {
            self.judge_credentials(case)?;
        }
        let named = self.names(case)?;
        if !credentials_first {
            self.judge_credentials(case)?;
        }
        self.judge_conflict(case, &named)?;
        let Some((resolver, key)) = named.first() else {
            return match case.mark {
                Mark::Scoped => Err(Refusal::new(401, "tenant_required")),
                Mark::Optional => Ok(Answer::NoTenant),
                Mark::Public => Err(Refusal::new(404, "not_found")),
                Mark::Authenticated => unreachable!("callers are decided on above"),
            };
        };
        let resolver = resolver.name().to_owned();
        if case.mark == Mark::Public {
            let tenant = self.one_tenant(case, &named, key).map_err(|_| NOT_FOUND)?;
            self.judge_status(case, tenant, false).map_err(|_| NOT_FOUND)?;
            return Ok(Answer::Visit {
                tenant: tenant.id.clone(),
                resolver,
            });
        }
        if case.request.credentials == Credentials::Absent {
            return Err(Refusal::new(401, "credentials_required"));
        }
        let tenant = self.one_tenant(case, &named, key)?;
        let enters_as_staff = case.configuration.staff_enter && is_staff(&case.request.credentials);
        self.judge_status(case, tenant, enters_as_staff)?;
        if !enters_as_staff && !self.is_member(case, tenant) {
            return Err(told(case, 403, "not_a_member"));
        }
        Ok(Answer::Admitted {
            tenant: tenant.id.clone(),
            resolver,
        })
    }

    /// A caller, and nothing else of the request: not its host, not a tenant that it names.
    fn caller(self, case: &Case) -> Result<Answer, Refusal> {
        if self.is(Mutation::CallersAreResolved) {
            self.names(case)?;
        }
        self.judge_credentials(case)?;
        match &case.request.credentials {
            Credentials::Verified { subject, .. } => Ok(Answer::Caller {
                subject: subject.clone(),
            }),
            _ if self.is(Mutation::NobodyIsACaller) => Ok(Answer::NoTenant),
            _ => Err(Refusal::new(401, "credentials_required")),
        }
    }

    /// Scoped and optional read credentials; public only where `jwt_claim` is a configured resolver.
    fn judge_credentials(self, case: &Case) -> Result<(), Refusal> {
        let configured = case.configuration.sources.contains(&Source::JwtClaim);
        let read = case.mark != Mark::Public || configured || self.is(Mutation::PublicReadsCredentials);
        match &case.request.credentials {
            Credentials::Malformed if read => Err(Refusal::new(400, "malformed_credentials")),
            Credentials::Invalid if read => Err(Refusal::new(401, "invalid_token")),
            _ => Ok(()),
        }
    }

    /// What the resolvers find, in order: the first match, or under `reject` all of them.
    fn names(self, case: &Case) -> Result<Vec<(Source, Key)>, Refusal> {
        let mut named = Vec::new();
        for source in &case.configuration.sources {
            match sources::read(self, case, *source) {
                Read::NoMatch => {}
                Read::Key(key) => named.push((*source, key)),
                Read::Refused(_) if self.is(Mutation::MalformedIsSkipped) => {}
                Read::Refused(refusal) => return Err(refusal),
            }
            if !case.configuration.reject_conflicts && !named.is_empty() {
                break;
            }
        }
        Ok(named)
    }

    /// Two keys of one form must be equal.
    fn judge_conflict(self, case: &Case, named: &[(Source, Key)]) -> Result<(), Refusal> {
        if !case.configuration.reject_conflicts || self.is(Mutation::ConflictsPass) {
            return Ok(());
        }
        for (_, one) in named {
            for (_, other) in named {
                if one.form == other.form && one.text != other.text {
                    return Err(Refusal::new(400, "conflicting_tenants"));
                }
            }
        }
        Ok(())
    }

    /// The tenant that all keys name. Keys of different forms must be answered by one record.
    fn one_tenant<'c>(self, case: &'c Case, named: &[(Source, Key)], first: &Key) -> Result<&'c Tenant, Refusal> {
        let found = case.tenants.iter().find(|tenant| self.answers(tenant, first));
        let is_alone = named.iter().all(|(_, key)| key.form == first.form);
        if is_alone || self.is(Mutation::ConflictsPass) {
            return found.ok_or_else(|| told(case, 404, "unknown_tenant"));
        }
        found
            .filter(|tenant| named.iter().all(|(_, key)| self.answers(tenant, key)))
            .ok_or(Refusal::new(403, "forbidden"))
    }

    fn answers(self, tenant: &Tenant, key: &Key) -> bool {
        let either = self.is(Mutation::FormsAreOne) && matches!(key.form, Form::Id | Form::Slug);
        tenant.answers_to(key) || (either && (tenant.id == key.text || tenant.slug == key.text))
    }

    fn judge_status(self, case: &Case, tenant: &Tenant, as_staff: bool) -> Result<(), Refusal> {
        let staff_may = case.configuration.staff_in_suspended || self.is(Mutation::StaffNeedNoOption);
        match tenant.status {
            Status::Active => Ok(()),
            Status::Suspended if as_staff && staff_may => Ok(()),
            Status::Provisioning | Status::Archived if as_staff && self.is(Mutation::StaffEnterAnything) => Ok(()),
            Status::Suspended if self.is(Mutation::SuspendedIsServed) => Ok(()),
            Status::Suspended => Err(told(case, 403, "tenant_suspended")),
            Status::Provisioning => Err(told(case, 403, "tenant_not_ready")),
            Status::Archived if self.is(Mutation::ArchivedIsTold) => Err(told(case, 403, "tenant_archived")),
            Status::Archived => Err(told(case, 404, "unknown_tenant")),
        }
    }

    fn is_member(self, case: &Case, tenant: &Tenant) -> bool {
        let Credentials::Verified {
            subject,
            tenant: claim,
            tenants: list,
            ..
        } = &case.request.credentials
        else {
            return false;
        };
        if self.is(Mutation::EveryoneIsMember) {
            return true;
        }
        match case.configuration.membership {
            Membership::Directory => tenant.members.contains(subject),
            Membership::Claim => {
                let in_list = !self.is(Mutation::ListClaimIgnored) && list.iter().any(|key| tenant.answers_to(key));
                in_list || claim.as_ref().is_some_and(|key| tenant.answers_to(key))
            }
        }
    }
}

fn is_staff(credentials: &Credentials) -> bool {
    matches!(credentials, Credentials::Verified { is_staff: true, .. })
}

const NOT_FOUND: Refusal = Refusal::new(404, "not_found");

/// The reasons for a 403 are told only under detailed disclosure.
fn told(case: &Case, status: u16, code: &'static str) -> Refusal {
    if case.configuration.detailed {
        Refusal::new(status, code)
    } else {
        Refusal::new(403, "forbidden")
    }
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::Refused {
        status,
        code: code.to_owned(),
    }
}

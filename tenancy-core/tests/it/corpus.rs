//! The core answers every row of the corpus.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenancy_core::config::TenancyConfig;
use tenancy_core::directory::{Authorizer, Decision, Membership, MemoryDirectory, MemoryEntry, Roles, TenantRecord};
use tenancy_core::enforce::{Access, Authorize, Enforcer, Outcome, drive_now, explain_now};
use tenancy_core::names::{FieldName, KeyForm, Subject, TenantKey};
use tenancy_core::request::{Actor, Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, bearer_token};
use tenancy_corpus::{
    self as corpus, Answer, Case, Corpus, Observed, Policy, Runner, Session, SessionState, Tokens, Version,
};

const TOKENS: Tokens<'_> = Tokens {
    good: "eyJnb29k.eyJnb29k.Z29vZA",
    bad: "eyJiYWQ.eyJiYWQ.YmFk",
    session: "",
};

/// The greatest number that every reader of JSON reads alike.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

#[test]
fn every_row_is_answered_as_the_rules_say() {
    let corpus = Corpus::load().unwrap_or_else(|error| panic!("{error}"));
    let directory = directory(corpus.tenants());
    let servers: BTreeMap<_, _> = corpus
        .configurations()
        .iter()
        .map(|(name, configuration)| (name.as_str(), Server::new(configuration, corpus.tenants(), &directory)))
        .collect();
    Runner::new(&corpus, 1_469).run(|case| servers.get(case.config.as_str()).unwrap().answer(case));
}

/// The core under one configuration.
struct Server<'d> {
    enforcer: Enforcer,
    authorizer: LetInOr<Membership<&'d MemoryDirectory>>,
    tenants: &'d [corpus::Tenant],
    directory: &'d MemoryDirectory,
    claim_form: KeyForm,
    reads_list: bool,
    reads_staff: bool,
    reads_integers: bool,
    reads_sessions: bool,
}

/// Lets staff in and those who are there by a grant as themselves, and queries another authorizer about everyone else.
struct LetInOr<A>(A);

impl<A: Authorizer> Authorizer for LetInOr<A> {
    type Error = A::Error;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, A::Error> {
        self.0.authorize(question).await
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        let claims = question.claims();
        if let Some(actor) = claims.actor().filter(|actor| actor.grant().is_some()) {
            if !claims.tenant().is_some_and(|key| question.tenant().answers_to(key)) {
                return Some(Decision::Deny);
            }
            if actor.subject() == claims.subject() {
                return Some(Decision::Allow(Roles::none()));
            }
        }
        if claims.is_platform_staff() {
            return Some(Decision::AllowStaff);
        }
        self.0.authorize_now(question)
    }
}

impl<'d> Server<'d> {
    fn new(
        configuration: &corpus::Configuration,
        tenants: &'d [corpus::Tenant],
        directory: &'d MemoryDirectory,
    ) -> Self {
        let (jwt, reads_sessions) = (&configuration.jwt, configuration.impersonation);
        let configuration = &configuration.to_toml();
        let config: TenancyConfig = toml::from_str(configuration).unwrap();
        Self {
            enforcer: config
                .enforcer()
                .unwrap_or_else(|error| panic!("{error}: {configuration}")),
            authorizer: LetInOr(config.enforcement.authorizer(directory)),
            tenants,
            directory,
            claim_form: config.resolution.jwt_claim_form,
            reads_list: config.enforcement.tenants_claim.is_some(),
            reads_staff: jwt.contains_key("staff_claim"),
            reads_integers: corpus::Configuration::is_set(jwt, "integer_tenants"),
            reads_sessions,
        }
    }

    fn answer(&self, case: &Case) -> Observed {
        let access = match case.policy() {
            Policy::Scoped => Access::Scoped,
            Policy::Public => Access::Public,
            Policy::Optional => Access::Optional,
            Policy::Authenticated => Access::Authenticated,
            Policy::Central => {
                return Observed {
                    answer: Answer::Central,
                    vary: Some(BTreeSet::new()),
                };
            }
        };
        let secret = Session::secret(&case.name);
        let tokens = Tokens {
            session: &secret,
            ..TOKENS
        };
        let fields = case.request.fields(&tokens);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let headers = HeaderList::new(&fields);
        let presented = bearer_token(&headers);
        let claims = match &presented {
            Ok(token) if self.reads_sessions && *token == secret.as_bytes() => {
                case.session.as_ref().and_then(|session| self.session(session))
            }
            Ok(token) if *token == TOKENS.good.as_bytes() => case.token.as_ref().and_then(|token| self.claims(token)),
            _ => None,
        };
        let credentials = match (presented, &claims) {
            (Err(credentials), _) => credentials,
            (Ok(_), Some(claims)) => Credentials::Verified(claims as _),
            (Ok(_), None) => Credentials::Invalid,
        };
        let target = case.request.target(&tokens);
        let request = RequestView {
            version: version(case.request.version),
            target: view(&target),
            headers: &headers,
            credentials,
        };
        let mut key = None;
        let step = self.enforcer.begin(&request, access, &mut key);
        let outcome = drive_now(step, self.directory, &self.authorizer).unwrap_or_else(|step| panic!("{step:?}"));
        let explanation = explain_now(&self.enforcer, &request, access, self.directory, &self.authorizer).unwrap();
        assert_eq!(explanation.decided(), outcome.as_ref(), "{explanation:#}");
        Observed {
            answer: outcome.map_or_else(
                |rejection| Answer::refused(rejection.status(), rejection.code()),
                answer,
            ),
            vary: Some(self.vary(access)),
        }
    }

    /// What a session says of its holder, while it lasts and its tenant is active: as the directory tells it.
    fn session(&self, session: &Session) -> Option<Claims> {
        let is_active = |tenant: &corpus::Tenant| tenant.id == session.tenant && tenant.status == "active";
        if session.state != SessionState::Lasting || !self.tenants.iter().any(is_active) {
            return None;
        }
        let tenant = TenantKey::Id(session.tenant.parse().ok()?);
        let actor = Actor::new(session.actor.parse().ok()?).with_grant("g1".parse().ok()?);
        let claims = Claims::new(session.holder().parse().ok()?)
            .with_tenant(tenant.clone())
            .with_issuer_tenants([tenant].into())
            .with_actor(actor);
        Some(claims)
    }

    /// What the token says, in the configured forms; `None` where it says what no token may.
    fn claims(&self, token: &corpus::Claims) -> Option<Claims> {
        let key = |value: &toml::Value| -> Option<TenantKey> {
            let name = match value {
                toml::Value::Integer(number @ 0..=MAX_SAFE_INTEGER) if self.reads_integers => number.to_string(),
                value => value.as_str()?.to_owned(),
            };
            self.claim_form.parse(name.as_bytes()).ok()
        };
        let claims = Claims::new(token.subject.parse().ok()?);
        let claims = match &token.staff {
            Some(staff) if self.reads_staff => claims.with_platform_staff(staff.as_bool()?),
            _ => claims,
        };
        let claims = match &token.act {
            Some(act) => claims.with_actor(acting(act)?),
            None => claims,
        };
        let claims = match &token.tenant {
            Some(tenant) => claims.with_tenant(key(tenant)?),
            None => claims,
        };
        match &token.tenants {
            Some(tenants) if self.reads_list => {
                let keys: Option<Vec<_>> = tenants.as_array()?.iter().map(key).collect();
                Some(claims.with_tenants(keys?))
            }
            _ => Some(claims),
        }
    }

    fn vary(&self, access: Access) -> BTreeSet<String> {
        let mut vary = BTreeSet::new();
        if self.enforcer.resolves(access) {
            self.enforcer.each_field(&mut |field| {
                vary.insert(field.to_string());
            });
        }
        if self.enforcer.reads_credentials(access) {
            vary.insert(FieldName::authorization().to_string());
        }
        vary
    }
}

/// The current actor of a claim `act`; those before are not read.
fn acting(act: &toml::Value) -> Option<Actor> {
    let name = |value: &toml::Value| value.as_str()?.parse::<Subject>().ok();
    let actor = Actor::new(name(act.as_table()?.get("sub")?)?);
    match act.get("iss") {
        None => Some(actor),
        Some(iss) => Some(actor.with_issuer(Arc::<str>::from(name(iss)?.as_str()).into())),
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Admitted(admitted) => Answer::Tenant {
            id: admitted.id().to_string(),
            resolver: Some(admitted.resolver().to_string()),
            subject: Some(admitted.subject().to_string()),
            actor: admitted.actor().map(|actor| actor.subject().to_string()),
        },
        Outcome::Visit(visit) => Answer::Tenant {
            id: visit.id().to_string(),
            resolver: Some(visit.resolver().to_string()),
            subject: None,
            actor: None,
        },
        Outcome::NoTenant => Answer::NoTenant,
        Outcome::Authenticated(caller) => Answer::Caller {
            subject: caller.subject().to_string(),
        },
        outcome => panic!("the corpus does not know {outcome:?}"),
    }
}

const fn version(version: Version) -> HttpVersion {
    match version {
        Version::Http10 => HttpVersion::Http10,
        Version::Http11 => HttpVersion::Http11,
        Version::Http2 => HttpVersion::Http2,
    }
}

fn view(target: &corpus::Target) -> Target<'_> {
    match target {
        corpus::Target::Path { authority, path, query } => Target::Path {
            authority: authority.as_deref(),
            path,
            query: query.as_deref(),
        },
        corpus::Target::Authority => Target::Authority,
        corpus::Target::Asterisk => Target::Asterisk,
    }
}

fn directory(tenants: &[corpus::Tenant]) -> MemoryDirectory {
    MemoryDirectory::new(tenants.iter().map(entry)).unwrap()
}

fn entry(tenant: &corpus::Tenant) -> MemoryEntry {
    let mut record = TenantRecord::new(tenant.id.parse().unwrap(), tenant.strategy.parse().unwrap())
        .with_status(tenant.status.parse().unwrap());
    if let Some(slug) = &tenant.slug {
        record = record.with_slug(slug.parse().unwrap());
    }
    if let Some(external_id) = &tenant.external_id {
        record = record.with_external_id(external_id.parse().unwrap());
    }
    let entry = MemoryEntry::new(record);
    let entry = tenant
        .domains
        .iter()
        .fold(entry, |entry, domain| entry.with_domain(domain.parse().unwrap()));
    tenant
        .members
        .iter()
        .fold(entry, |entry, member| entry.with_member(member.parse().unwrap()))
}

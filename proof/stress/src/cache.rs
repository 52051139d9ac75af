//! Look-ups against invalidations: what was forgotten is never served again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::HeaderValue;
use tenancy_core::directory::{Authorizer, Change, Decision, Directory, Invalidate as _, TenantRecord};
use tenancy_core::enforce::{Access, Authorize, Enforcer, Outcome, drive, drive_now};
use tenancy_core::names::{PlacementName, StrategyName, Subject, TenantId, TenantKey};
use tenancy_core::request::{Claims, Credentials};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{CachedAuthorizer, CachedDirectory, HeaderFields, request_view};

use crate::Failure;
use crate::poll::poll_at_most;
use crate::random::Random;
use crate::report::Part;

const TENANTS: usize = 6;
const READERS: usize = 3;
const CHANGERS: usize = 2;
/// Look-ups that one thread has under way at a time.
const TOGETHER: u64 = 4;

const STALE: &str = "answers from before an invalidation that had returned";

fn alice() -> Subject {
    Subject::from_static("alice")
}

/// A value that changes: its version, and the newest version whose invalidation has returned. Every seventh version
/// says that there is nothing.
#[derive(Default)]
struct Truth {
    version: AtomicU64,
    forgotten: AtomicU64,
}

const fn is_absent(version: u64) -> bool {
    version % 7 == 3
}

impl Truth {
    /// Whether an answer may be given to who asked when `floor` was the newest that was forgotten.
    fn allows(&self, floor: u64, seen: Option<u64>) -> bool {
        let newest = self.version.load(Ordering::SeqCst);
        match seen {
            Some(seen) => seen >= floor && seen <= newest,
            None => (floor..=newest).any(is_absent),
        }
    }
}

/// What the caches are in front of. An answer takes a while: the truth may change after it was read.
#[derive(Clone)]
struct Source {
    tenants: Arc<Vec<Truth>>,
    members: Arc<Vec<Truth>>,
}

impl Source {
    async fn read(truths: &[Truth], id: &TenantId) -> Option<u64> {
        let version = truths.get(number_of(id)?)?.version.load(Ordering::SeqCst);
        for _ in 0..version % 4 {
            tokio::task::yield_now().await;
        }
        (!is_absent(version)).then_some(version)
    }
}

fn number_of(id: &TenantId) -> Option<usize> {
    id.as_str().strip_prefix('t')?.parse().ok()
}

impl Directory for Source {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        let TenantKey::Id(id) = key else { return Ok(None) };
        let version = Self::read(&self.tenants, id).await;
        let placement = version.and_then(|version| format!("v{version}").parse::<PlacementName>().ok());
        let record = TenantRecord::new(id.clone(), StrategyName::from_static("row"));
        Ok(placement.map(|placement| record.with_placement(placement)))
    }
}

impl Authorizer for Source {
    type Error = Infallible;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Infallible> {
        let version = Self::read(&self.members, &asked.tenant().id).await;
        let role = version.and_then(|version| format!("v{version}").parse().ok());
        Ok(role.map_or(Decision::Deny, |role| Decision::Allow(std::iter::once(role).collect())))
    }
}

#[derive(Clone)]
struct Caches {
    source: Source,
    directory: CachedDirectory<Source>,
    authorizer: CachedAuthorizer<Source>,
    part: Part,
}

/// Asks and invalidates for a time, on several threads.
pub(crate) fn run(part: &Part, mut random: Random, time: Duration) -> Result<(), Failure> {
    part.invariant(STALE);
    let truths = || Arc::new((0..TENANTS).map(|_| Truth::default()).collect::<Vec<_>>());
    let source = Source {
        tenants: truths(),
        members: truths(),
    };
    let caches = Caches {
        directory: CachedDirectory::new(source.clone()),
        authorizer: CachedAuthorizer::new(source.clone()),
        source,
        part: part.clone(),
    };
    let until = Instant::now() + time;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (caches, random) = (&caches, random.fork());
                scope.spawn(move || caches.read_on_this_thread(random, until))
            })
            .collect();
        for _ in 0..CHANGERS {
            let (caches, random) = (&caches, random.fork());
            scope.spawn(move || caches.change(random, until));
        }
        readers
            .into_iter()
            .try_for_each(|reader| reader.join().map_err(|_| "a reader has panicked")?)
    })?;
    part.require("look-ups");
    part.require("invalidations");
    Ok(())
}

impl Caches {
    fn read_on_this_thread(&self, mut random: Random, until: Instant) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut readers: Vec<Reader<'_>> = Vec::new();
        for _ in 0..TOGETHER {
            readers.push(Reader::new(self, random.fork())?);
        }
        runtime.block_on(join_all(readers.iter_mut().map(|reader| reader.read(until))));
        for reader in &readers {
            self.part.add("look-ups", reader.asked);
            self.part.add("look-ups that were answered at once", reader.at_once);
            self.part.add("look-ups dropped", reader.dropped);
        }
        Ok(())
    }

    /// Changes a truth, has the caches forget it in one of the ways that there are, and says that it is forgotten.
    fn change(&self, mut random: Random, until: Instant) {
        let mut changes = 0;
        while Instant::now() < until {
            let number = usize::try_from(random.below(TENANTS as u64)).unwrap_or_default();
            let Ok(id) = format!("t{number}").parse::<TenantId>() else {
                return;
            };
            let truths = if random.once_in(2) {
                &self.source.tenants
            } else {
                &self.source.members
            };
            let Some(truth) = truths.get(number) else { return };
            let version = truth.version.fetch_add(1, Ordering::SeqCst) + 1;
            if Arc::ptr_eq(truths, &self.source.tenants) {
                self.forget_tenant(&id, &mut random);
            } else {
                self.forget_member(&id, &mut random);
            }
            truth.forgotten.fetch_max(version, Ordering::SeqCst);
            changes += 1;
            // Now long enough for the threads' own caches to fill, now at once.
            if random.once_in(2) {
                thread::sleep(Duration::from_micros(random.below(400)));
            }
        }
        self.part.add("invalidations", changes);
    }

    fn forget_tenant(&self, id: &TenantId, random: &mut Random) {
        match random.below(5) {
            0 => self.directory.forget_all(),
            1 => self.directory.invalidate(&Change::Everything),
            2 => self.directory.invalidate(&Change::tenant(id.clone())),
            3 => self.directory.invalidate(&Change::Tenant {
                id: id.clone(),
                names: vec![TenantKey::Id(id.clone())],
            }),
            _ => self.directory.forget(id),
        }
    }

    fn forget_member(&self, id: &TenantId, random: &mut Random) {
        let (tenant, subject) = (id.clone(), alice());
        match random.below(6) {
            0 => self.authorizer.forget_all(),
            1 => self.authorizer.forget_tenant(id),
            2 => self.authorizer.forget_subject(None, &alice()),
            3 => self.authorizer.invalidate(&Change::Member { tenant, subject }),
            4 => self.authorizer.invalidate(&Change::tenant(tenant)),
            _ => self.authorizer.forget(id, &alice()),
        }
    }
}

/// One that asks again and again who is admitted, as a request would.
struct Reader<'c> {
    caches: &'c Caches,
    random: Random,
    enforcer: Enforcer,
    claims: Claims,
    requests: Vec<http::request::Parts>,
    asked: u64,
    at_once: u64,
    dropped: u64,
}

impl<'c> Reader<'c> {
    fn new(caches: &'c Caches, random: Random) -> Result<Self, Failure> {
        let mut requests = Vec::new();
        for number in 0..TENANTS {
            let name = HeaderValue::try_from(format!("t{number}"))?;
            let request = http::Request::get("/")
                .header(InsecureTestStub::HEADER, name)
                .body(())?;
            requests.push(request.into_parts().0);
        }
        Ok(Self {
            caches,
            random,
            enforcer: InsecureTestStub::enforcer(),
            claims: Claims::new(alice()),
            requests,
            asked: 0,
            at_once: 0,
            dropped: 0,
        })
    }

    async fn read(&mut self, until: Instant) {
        while Instant::now() < until {
            for _ in 0..64 {
                self.ask().await;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&mut self) {
        let number = usize::try_from(self.random.below(TENANTS as u64)).unwrap_or_default();
        let caches = self.caches;
        let (Some(tenant), Some(member)) = (caches.source.tenants.get(number), caches.source.members.get(number))
        else {
            return;
        };
        let floors = (
            tenant.forgotten.load(Ordering::SeqCst),
            member.forgotten.load(Ordering::SeqCst),
        );
        let Some(outcome) = self.admit(number).await else {
            return;
        };
        let is_fresh = match &outcome {
            Some(Outcome::Admitted(admitted)) => {
                let of_tenant = admitted.tenant().placement.as_ref().map(PlacementName::as_str);
                let of_member = admitted.roles().iter().next().map(tenancy_core::names::Role::as_str);
                let (of_tenant, of_member) = (of_tenant.and_then(version), of_member.and_then(version));
                // Both must be there: the source gives no answer without a version.
                of_tenant.is_some_and(|seen| tenant.allows(floors.0, Some(seen)))
                    && of_member.is_some_and(|seen| member.allows(floors.1, Some(seen)))
            }
            // Refused, alike for a tenant and for a member that is not there.
            _ => tenant.allows(floors.0, None) || member.allows(floors.1, None),
        };
        if !is_fresh {
            let finding = format_args!("t{number}: {outcome:?}, after {floors:?}");
            caches.part.broken(STALE, finding);
        }
    }

    /// Asks as a request would, and gives up now and then: that is `None`. A refusal is `Some(None)`.
    async fn admit(&mut self, number: usize) -> Option<Option<Outcome>> {
        let parts = self.requests.get(number)?;
        let fields = HeaderFields::new(&parts.headers);
        let request = request_view(parts, &parts.uri, &fields, Credentials::Verified(&self.claims));
        let mut key = None;
        let step = self.enforcer.begin(&request, Access::Scoped, &mut key);
        self.asked += 1;
        let step = match drive_now(step, &self.caches.directory, &self.caches.authorizer) {
            Ok(outcome) => {
                self.at_once += 1;
                return Some(outcome.ok());
            }
            Err(step) => step,
        };
        let gives_up = self.random.once_in(8);
        let polls = if gives_up { self.random.below(4) } else { u64::MAX };
        let driven = drive(step, &self.caches.directory, &self.caches.authorizer);
        let outcome = poll_at_most(polls, driven).await;
        self.dropped += u64::from(outcome.is_none());
        Some(outcome?.ok())
    }
}

fn version(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.parse().ok()
}

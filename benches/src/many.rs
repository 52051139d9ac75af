//! Many tenants: requests that each name another, changes, and what a cached name takes.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use http::HeaderValue;
use http::request::Parts;
use tenancy_core::directory::{Change, Directory, Invalidate, TenantHandle, TenantRecord};
use tenancy_core::enforce::{Access, Enforcer, Outcome, drive, drive_now};
use tenancy_core::names::{StrategyName, TenantId, TenantKey};
use tenancy_core::request::{Claims, Credentials};
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{CacheLimits, CachedDirectory, HeaderFields, request_view};
use tokio::runtime::Runtime;

use crate::fixture::{chain, claims, header, header_name, named, names};
use crate::measure::runtime;
use crate::{Group, Options, Plot, Row, Unit};

const ONE: &str = "1 tenant";
const MAP: &str = "bare map, 1 tenant";

pub(crate) fn group(options: Options) -> Group {
    let sizes = [
        (10, "10", None),
        (1_000, "1,000", None),
        (10_000, "10,000", Some(1.8)),
        (100_000, "100,000", Some(3.0)),
        (1_000_000, "1,000,000", None),
    ];
    // A report that only sees that each row runs has a few hundred.
    let sizes = sizes
        .into_iter()
        .filter(|(tenants, ..)| *tenants <= 100 * options.tenants);
    let sizes: Vec<_> = sizes.collect();
    let (plots, one) = (plots(&sizes), Rc::new(Cached::new(1)));
    let group = Group::default()
        .row(admissions(ONE, &one, Order::uniform(1)))
        .row(look_ups(MAP, &Rc::new(BareMap::new(1)), Order::uniform(1)));
    let group = plots.into_iter().fold(group, Group::plot);
    let group = sizes.into_iter().fold(group, |group, (tenants, text, at_most)| {
        let (cached, map) = (Rc::new(Cached::new(tenants)), Rc::new(BareMap::new(tenants)));
        let group = group
            .note(format!("{text} tenants take {} bytes each in the cache.", cached.bytes))
            .row(admissions(
                &format!("{text} tenants, uniform"),
                &cached,
                Order::uniform(tenants),
            ))
            .against([ONE], at_most)
            .row(look_ups(
                &format!("bare map, {text} tenants, uniform"),
                &map,
                Order::uniform(tenants),
            ))
            .against([MAP], None);
        if tenants < 1_000 {
            return group;
        }
        let at_most = (tenants == 1_000_000).then_some(2.0);
        group
            .row(admissions(
                &format!("{text} tenants, Zipf 1.0"),
                &cached,
                Order::zipf(tenants),
            ))
            .against([ONE], at_most)
            .row(look_ups(
                &format!("bare map, {text} tenants, Zipf 1.0"),
                &map,
                Order::zipf(tenants),
            ))
            .against([MAP], None)
            .row(changes(&format!("change of a tenant, {text} tenants cached"), cached))
    });
    let readers = "2 threads, each of 1,000 tenants";
    group
        .row(beside_changes(readers, None))
        .row(beside_changes(
            &format!("{readers}, beside 1,000 changes per second"),
            Some(Duration::from_millis(1)),
        ))
        .against([readers], 1.1)
}

/// What of the rows is drawn.
fn plots(sizes: &[(usize, &str, Option<f64>)]) -> [Plot; 2] {
    let rows = |prefix: &str, suffix: &str| -> Vec<(usize, String)> {
        let named = sizes
            .iter()
            .map(|(tenants, text, _)| (*tenants, format!("{prefix}{text} tenants{suffix}")));
        named.collect()
    };
    let with_one = |one: &str, rows: Vec<(usize, String)>| std::iter::once((1, one.to_owned())).chain(rows);
    [
        Plot::growth(
            "admission-by-tenants",
            "One admission, by the number of tenants asked at random",
            Unit::Nanoseconds,
        )
        .line("uniform", with_one(ONE, rows("", ", uniform")))
        .line("Zipf 1.0", with_one(ONE, rows("", ", Zipf 1.0")))
        .line("bare map, uniform", with_one(MAP, rows("bare map, ", ", uniform")))
        .line("bare map, Zipf 1.0", with_one(MAP, rows("bare map, ", ", Zipf 1.0"))),
        Plot::growth(
            "change-by-tenants",
            "A change of one tenant, by the number of tenants cached",
            Unit::Microseconds,
        )
        .line("change", rows("change of a tenant, ", " cached")),
    ]
}

/// Makes a record for each id, as a directory in a database does.
struct Generated;

impl Directory for Generated {
    type Entry = TenantHandle;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantHandle>, Infallible> {
        let TenantKey::Id(id) = key else { return Ok(None) };
        Ok(Some(
            TenantRecord::new(id.clone(), StrategyName::from_static("row")).into(),
        ))
    }
}

/// So many tenants in a cache, in which there is room for more.
struct Cached {
    directory: CachedDirectory<Generated>,
    tenants: usize,
    /// What each adds to the memory of the process.
    bytes: usize,
}

impl Cached {
    fn new(tenants: usize) -> Self {
        let limits = CacheLimits::new()
            .with_capacity(2 * tenants + 1_000)
            .with_time_to_live(Duration::from_secs(24 * 60 * 60));
        let (before, runtime) = (resident(), runtime());
        let directory = CachedDirectory::builder(Generated).with_limits(limits).build();
        for number in 0..tenants {
            assert!(runtime.block_on(directory.find(&key(number))).unwrap().is_some());
        }
        Self {
            directory,
            tenants,
            bytes: resident().saturating_sub(before) / tenants,
        }
    }
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    4096 * resident.unwrap_or_default()
}

fn id(number: usize) -> TenantId {
    format!("t{number:07}").parse().unwrap()
}

fn key(number: usize) -> TenantKey {
    TenantKey::Id(id(number))
}

/// What a service would have of its own: a map from name to record, in as many parts as the cache has.
struct BareMap {
    hasher: RandomState,
    parts: Vec<Part>,
}

type Part = RwLock<HashMap<TenantKey, Arc<TenantRecord>, RandomState>>;

impl BareMap {
    fn new(tenants: usize) -> Self {
        let parts = 4 * thread::available_parallelism()
            .map_or(1, usize::from)
            .next_power_of_two();
        let hasher = RandomState::default();
        let map = Self {
            parts: (0..parts)
                .map(|_| RwLock::new(HashMap::with_hasher(hasher.clone())))
                .collect(),
            hasher,
        };
        for number in 0..tenants {
            let record = Arc::new(TenantRecord::new(id(number), StrategyName::from_static("row")));
            map.part(&key(number)).write().unwrap().insert(key(number), record);
        }
        map
    }

    fn part(&self, key: &TenantKey) -> &Part {
        &self.parts[(self.hasher.hash_one(key) >> 40) as usize % self.parts.len()]
    }
}

/// Which tenants are named, one after the other. It is drawn beforehand, and long enough to come round rarely.
#[derive(Clone)]
struct Order {
    numbers: Arc<[u32]>,
    next: Cell<usize>,
}

impl Order {
    const LENGTH: usize = 1 << 20;

    fn uniform(tenants: usize) -> Self {
        Self::of(|random| random as usize % tenants)
    }

    /// The second is named half as often as the first, the third a third as often. Those that are named often are not
    /// neighbours.
    fn zipf(tenants: usize) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=tenants)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self::of(|random| {
            let drawn = sum * (random as f64 / u64::MAX as f64);
            let rank = sums.partition_point(|sum| *sum < drawn).min(tenants - 1);
            // 7,919 is prime, and divides no number of tenants here.
            rank * 7_919 % tenants
        })
    }

    fn of(number: impl Fn(u64) -> usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        Self {
            numbers: (0..Self::LENGTH).map(|_| number(random()) as u32).collect(),
            next: Cell::new(0),
        }
    }

    fn next(&self) -> u32 {
        let next = self.next.get();
        self.next.set((next + 1) % Self::LENGTH);
        self.numbers[next]
    }
}

/// A name as it comes from a client, in `text`.
fn write_name(text: &mut heapless::String<16>, number: u32) -> &str {
    text.clear();
    write!(text, "t{number:07}").unwrap();
    text
}

/// Admits one request again and again, whose header is written anew each time.
struct Requests {
    enforcer: Enforcer,
    parts: Parts,
    claims: Claims,
    /// For tenants that have been forgotten.
    runtime: Runtime,
}

impl Requests {
    fn new() -> Self {
        Self {
            enforcer: Enforcer::new(chain([header()])),
            parts: named(),
            claims: claims(),
            runtime: runtime(),
        }
    }

    fn admit(&mut self, directory: &CachedDirectory<Generated>, number: u32) {
        let mut text = heapless::String::new();
        let name = HeaderValue::from_str(write_name(&mut text, number)).unwrap();
        self.parts.headers.insert(header_name(), name);
        let parts = black_box(&self.parts);
        let fields = HeaderFields::new(&parts.headers).with_names(names());
        let request = request_view(parts, &parts.uri, &fields, Credentials::Verified(&self.claims));
        let mut key = None;
        let step = self.enforcer.begin(&request, Access::Scoped, &mut key);
        let admitted = match drive_now(step, directory, &InsecureTestStub) {
            Ok(available) => available.ok(),
            Err(step) => self.runtime.block_on(drive(step, directory, &InsecureTestStub)).ok(),
        };
        assert!(matches!(admitted, Some(Outcome::Admitted(_))));
    }
}

fn admissions(name: &str, cached: &Rc<Cached>, order: Order) -> Row {
    let (cached, mut requests) = (Rc::clone(cached), Requests::new());
    Row::new(name, move || requests.admit(&cached.directory, order.next()))
}

fn look_ups(name: &str, map: &Rc<BareMap>, order: Order) -> Row {
    let map = Rc::clone(map);
    Row::new(name, move || {
        let mut text = heapless::String::new();
        let key = TenantKey::Id(write_name(&mut text, order.next()).parse().unwrap());
        let record = map.part(&key).read().unwrap().get(&key).cloned();
        (record.as_ref().map(|record| record.status), record)
    })
}

/// A change with the tenant's names. What it forgets is looked up again, which is not timed.
fn changes(name: &str, cached: Rc<Cached>) -> Row {
    let (runtime, order) = (runtime(), Order::uniform(cached.tenants));
    Row::timed(name, move |times| {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let id = id(order.next() as usize);
            let slug = TenantKey::Slug(id.as_str().parse().unwrap());
            let change = Change::Tenant {
                id: id.clone(),
                names: vec![slug],
            };
            let started = Instant::now();
            cached.directory.invalidate(&change);
            took += started.elapsed();
            let found = runtime.block_on(cached.directory.find(&TenantKey::Id(id)));
            assert!(found.unwrap().is_some());
        }
        took
    })
}

/// Two threads admit at once, while a third forgets a tenant after each pause.
fn beside_changes(name: &str, pause: Option<Duration>) -> Row {
    const TENANTS: usize = 1_000;
    let (directory, order) = (Cached::new(TENANTS).directory, Order::uniform(TENANTS));
    Row::timed(name, move |times| {
        let is_over = AtomicBool::new(false);
        let read = |order: Order| {
            let (directory, mut requests) = (directory.clone(), Requests::new());
            move || {
                let started = Instant::now();
                (0..times).for_each(|_| requests.admit(&directory, order.next()));
                started.elapsed()
            }
        };
        thread::scope(|scope| {
            let readers = [(); 2].map(|()| scope.spawn(read(order.clone())));
            if let Some(pause) = pause {
                let (directory, is_over) = (&directory, &is_over);
                scope.spawn(move || {
                    for number in (0..TENANTS).cycle().take_while(|_| !is_over.load(Ordering::Relaxed)) {
                        thread::sleep(pause);
                        directory.forget(&id(number));
                    }
                });
            }
            let took = readers.map(|reader| reader.join().unwrap()).into_iter().max().unwrap();
            is_over.store(true, Ordering::Relaxed);
            took
        })
    })
}

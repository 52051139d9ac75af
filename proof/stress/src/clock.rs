//! Clocks that jump: nothing is served for longer than its time, and nothing panics.
//!
//! The system's own clock is not set: that takes rights over the machine, and would change it for everyone. The caches
//! go by a monotonic clock, which a change of the wall clock does not move; tokens go by the time that they are
//! verified at, which is given here.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use secrecy::SecretSlice;
use tenancy_core::directory::{Directory, TenantEntry as _, TenantRecord};
use tenancy_core::names::{PlacementName, StrategyName, Subject, TenantKey};
use tenancy_core::request::ClaimPath;
use tenancy_http::{
    CacheLimits, CachedDirectory, Clock, CoarseClock, KeyAlgorithm, SystemClock, TokenCacheLimits, TokenSigner,
    TokenVerifier, VerificationKey,
};

use crate::Failure;
use crate::random::Random;
use crate::report::Part;

const OLD: &str = "answers beyond their time to live";
const WRONG: &str = "tokens judged wrongly for the time that it was";
/// What verification allows clocks to differ by, in seconds.
const LEEWAY: u64 = 30;

/// Tries each of the clocks in turns, for a time.
pub(crate) async fn run(part: &Part, mut random: Random, time: Duration) -> Result<(), Failure> {
    part.invariant(OLD);
    part.invariant(WRONG);
    let until = Instant::now() + time;
    while Instant::now() < until {
        true_clock(part, SystemClock, &mut random).await?;
        true_clock(part, CoarseClock, &mut random).await?;
        jumping_clock(part, &mut random).await?;
        tokens(part, &mut random)?;
    }
    Ok(())
}

/// Answers with the number of the question, after the time at which it was asked.
#[derive(Clone, Default)]
struct Source(Arc<AtomicU64>);

impl Directory for Source {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        let TenantKey::Id(id) = key else { return Ok(None) };
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let placement = format!("v{number}").parse::<PlacementName>().ok();
        let record = TenantRecord::new(id.clone(), StrategyName::from_static("row"));
        Ok(placement.map(|placement| record.with_placement(placement)))
    }
}

/// By the machine's own monotonic clock, whatever the cache goes by.
async fn true_clock(part: &Part, clock: impl Clock + 'static, random: &mut Random) -> Result<(), Failure> {
    let time_to_live = Duration::from_millis(10 + random.below(30));
    let limits = CacheLimits::new().with_clock(clock).with_time_to_live(time_to_live);
    let cached = CachedDirectory::builder(Source::default()).with_limits(limits).build();
    let key = TenantKey::Id("acme".parse()?);
    let asked_at = Instant::now();
    cached.find(&key).await?;
    // The time to live counts from the question, which came after that.
    let answered_at = Instant::now();
    loop {
        let before = Instant::now();
        let answer = cached.peek(&key, |entry| entry.cloned());
        part.add("look-ups by a true clock", 1);
        match answer {
            Some(_) if before.duration_since(answered_at) > time_to_live => {
                part.broken(OLD, format_args!("{:?} after {time_to_live:?}", asked_at.elapsed()));
                return Ok(());
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// A clock that jumps forwards, by up to years, and may be set back, which no clock should do.
#[derive(Clone)]
struct Jumping {
    start: Instant,
    milliseconds: Arc<AtomicU64>,
}

impl Clock for Jumping {
    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }
}

/// In milliseconds, up to ten years.
const JUMPS: [u64; 6] = [0, 1, 59_999, 60_000, 60_001, 10 * 365 * 86_400_000];

/// Also one that ends after the end of time.
const LIVES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_secs(60),
    Duration::MAX,
];

async fn jumping_clock(part: &Part, random: &mut Random) -> Result<(), Failure> {
    let clock = Jumping {
        start: Instant::now(),
        milliseconds: Arc::default(),
    };
    let time_to_live = random.pick(&LIVES).copied().unwrap_or_default();
    let limits = CacheLimits::new()
        .with_clock(clock.clone())
        .with_time_to_live(time_to_live);
    let source = Source::default();
    let cached = CachedDirectory::builder(source.clone()).with_limits(limits).build();
    let key = TenantKey::Id("acme".parse()?);
    let may_go_back = random.once_in(3);
    let mut asked_at = 0;
    for _ in 0..200 {
        let now = clock.milliseconds.load(Ordering::SeqCst);
        let jump = random.pick(&JUMPS).copied().unwrap_or_default();
        let goes_back = may_go_back && random.once_in(3);
        let now = if goes_back {
            now.saturating_sub(jump)
        } else {
            now + jump
        };
        clock.milliseconds.store(now, Ordering::SeqCst);
        let questions = source.0.load(Ordering::SeqCst);
        let found = cached.find(&key).await?;
        part.add("look-ups by a clock that jumps", 1);
        if source.0.load(Ordering::SeqCst) > questions {
            asked_at = now;
        } else if !may_go_back && Duration::from_millis(now - asked_at) >= time_to_live {
            part.broken(OLD, format_args!("{} after {:?}", now - asked_at, time_to_live));
        }
        if found.is_none_or(|entry| entry.record().placement.is_none()) {
            part.broken(OLD, "nothing was found");
        }
    }
    Ok(())
}

/// A token at every time: it is accepted within its times and the leeway, and at no other, from the cache and verified in full.
fn tokens(part: &Part, random: &mut Random) -> Result<(), Failure> {
    let secret = SecretSlice::from(b"a secret of thirty-two bytes, or more".to_vec());
    let signer = TokenSigner::hs256(None, &secret)?
        .with_issuer("issuer")
        .with_audience("audience");
    let verifier = TokenVerifier::builder()
        .with_key(VerificationKey::hmac(None, KeyAlgorithm::Hs256, &secret)?)
        .with_issuer("issuer")
        .with_audience("audience")
        .with_token_cache(TokenCacheLimits::new().with_time_to_live(Duration::from_secs(1 + random.below(3600))))
        .build()?;
    let lifetime = random.below(7200);
    let before = unix_seconds()?;
    let claim = ClaimPath::literal("tenant_id")?;
    let token = signer.sign(&Subject::from_static("alice"), None, &claim, i64::try_from(lifetime)?)?;
    if unix_seconds()? != before {
        // A second began meanwhile, and so the second in which the token was signed is unknown.
        return Ok(());
    }
    let end = before + lifetime + LEEWAY;
    for _ in 0..100 {
        let edges = [
            0,
            1,
            before - LEEWAY - 1,
            before - LEEWAY,
            before,
            end - 1,
            end,
            u64::from(u32::MAX),
            u64::MAX,
        ];
        let near = before.saturating_sub(5_000) + random.below(10_000);
        let edge = random.pick(&edges).copied().unwrap_or(near);
        let now = if random.once_in(2) { edge } else { near };
        let is_valid = now.saturating_add(LEEWAY) >= before && now < end;
        let kept = verifier.verify_cached_at(token.as_bytes(), now).is_ok();
        let in_full = verifier.verify_at(token.as_bytes(), now).is_ok();
        part.add("tokens judged at a time that jumps", 1);
        if kept != is_valid || in_full != is_valid {
            let told = format_args!("issued at {before} for {lifetime} s, at {now}: kept {kept}, in full {in_full}");
            part.broken(WRONG, told);
        }
    }
    Ok(())
}

fn unix_seconds() -> Result<u64, Failure> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(now.as_secs())
}

//! A model: a bucket of tokens that fills evenly, in exact arithmetic.

use std::time::Duration;

use proptest::prelude::*;
use tenancy_limits::{LimitExceeded, Limits};

use super::{limiter, rate, tenant};

/// What happens to one tenant.
#[derive(Clone, Debug)]
enum Step {
    Enter,
    Leave(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Enter),
        3 => any::<usize>().prop_map(Step::Leave),
        3 => (0_u64..3_000_000_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_limiter_is_a_bucket_of_tokens_and_a_count(
        steps in steps(),
        requests in 1_u32..20,
        burst in 1_u32..20,
        most in 1_u32..8,
    ) {
        let rate = rate(requests, Duration::from_secs(1)).with_burst(burst);
        let (limiter, clock) = limiter(Limits::none().with_rate(rate).with_under_way(most));
        let interval = rate.interval().as_nanos();
        // In nanoseconds: a request costs an interval.
        let full = interval * u128::from(burst);
        let mut tokens = full;
        let mut permits = Vec::new();
        for step in steps {
            match step {
                Step::Wait(nanoseconds) => {
                    clock.advance(Duration::from_nanos(nanoseconds));
                    tokens = full.min(tokens + u128::from(nanoseconds));
                }
                Step::Leave(which) => {
                    if !permits.is_empty() {
                        drop(permits.swap_remove(which % permits.len()));
                    }
                }
                Step::Enter => {
                    let expected = if permits.len() == most as usize {
                        Err(LimitExceeded::UnderWay)
                    } else if tokens < interval {
                        let missing = u64::try_from(interval - tokens).unwrap();
                        Err(LimitExceeded::Rate { retry_after: Duration::from_nanos(missing) })
                    } else {
                        tokens -= interval;
                        Ok(())
                    };
                    let entered = limiter.enter(&tenant("acme"));
                    prop_assert_eq!(entered.as_ref().map(drop).map_err(|refused| *refused), expected);
                    permits.extend(entered);
                }
            }
        }
    }
}

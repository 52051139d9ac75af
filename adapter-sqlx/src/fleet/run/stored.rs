//! The options of a run as they are stored, so that another process resumes it as it was begun.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use serde_json::{Value, json};

use crate::MigrateOptions;
use crate::fleet::options::{Canaries, FleetOptions};

pub(in crate::fleet) fn to_text(options: &FleetOptions) -> String {
    let canaries = match &options.canaries {
        Canaries::None => Value::Null,
        Canaries::Tenants(tenants) => json!(tenants.iter().map(ToString::to_string).collect::<Vec<_>>()),
        Canaries::Percent(percent) => json!(percent),
    };
    json!({
        "tenants": options.tenants.as_ref().map(|tenants| tenants.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "strategies": options.strategies.as_ref().map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "archived": options.includes_archived,
        "verify": options.verifies_ledgers,
        "canaries": canaries,
        "soak_ms": milliseconds(options.soak),
        "jobs": options.jobs,
        "max_failures": options.max_failures,
        "lease_ms": milliseconds(options.lease),
        "lock_timeout_ms": milliseconds(options.migrate.lock_timeout),
        "attempts": options.migrate.attempts,
        "baseline": options.migrate.baseline,
    })
    .to_string()
}

/// `None` if the text is not one that this version writes.
pub(in crate::fleet) fn of_text(text: &str) -> Option<FleetOptions> {
    let stored: Value = serde_json::from_str(text).ok()?;
    let number = |key: &str| stored.get(key)?.as_u64();
    let duration = |key: &str| number(key).map(Duration::from_millis);
    let canaries = match stored.get("canaries")? {
        Value::Null => Canaries::None,
        Value::Number(percent) => Canaries::Percent(u8::try_from(percent.as_u64()?).ok()?),
        names => Canaries::Tenants(list(names)?),
    };
    Some(FleetOptions {
        tenants: optional_list(stored.get("tenants")?)?,
        strategies: optional_list(stored.get("strategies")?)?,
        includes_archived: stored.get("archived")?.as_bool()?,
        verifies_ledgers: stored.get("verify")?.as_bool()?,
        canaries,
        soak: duration("soak_ms")?,
        jobs: NonZeroUsize::new(usize::try_from(number("jobs")?).ok()?)?,
        max_failures: NonZeroU64::new(number("max_failures")?)?,
        lease: duration("lease_ms")?,
        migrate: MigrateOptions {
            lock_timeout: duration("lock_timeout_ms")?,
            attempts: NonZeroU32::new(u32::try_from(number("attempts")?).ok()?)?,
            baseline: stored.get("baseline")?.as_i64(),
        },
    })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn optional_list<T: std::str::FromStr + Ord>(value: &Value) -> Option<Option<std::collections::BTreeSet<T>>> {
    if value.is_null() {
        return Some(None);
    }
    list(value).map(Some)
}

fn list<T: std::str::FromStr + Ord>(value: &Value) -> Option<std::collections::BTreeSet<T>> {
    let names = value.as_array()?.iter();
    names.map(|name| name.as_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_they_were_stored() {
        let all = FleetOptions::new()
            .with_tenants(["acme".parse().unwrap()])
            .with_strategies(["schema".parse().unwrap()])
            .with_archived()
            .with_verified_ledgers()
            .with_canaries(Canaries::Tenants(["globex".parse().unwrap()].into()))
            .with_soak(Duration::from_secs(7))
            .with_jobs(NonZeroUsize::new(3).unwrap())
            .with_max_failures(NonZeroU64::MAX)
            .with_lock_timeout(Duration::from_millis(5), NonZeroU32::new(6).unwrap())
            .with_lease(Duration::from_secs(8))
            .with_baseline(-9);
        for options in [
            all,
            FleetOptions::new(),
            FleetOptions::new().with_canaries(Canaries::Percent(2)),
        ] {
            assert_eq!(of_text(&to_text(&options)), Some(options));
        }
        assert_eq!(of_text("{}"), None);
    }
}

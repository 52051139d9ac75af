//! What operations on many tenants tell the facade `metrics`.

use std::time::SystemTime;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tenancy_core::names::StrategyName;

const RUN_ITEMS: &str = "tenancy_run_items_total";
const EVENTS_LAG: &str = "tenancy_events_lag_seconds";

pub(crate) fn describe() {
    describe_counter!(
        RUN_ITEMS,
        Unit::Count,
        "Tenants that a run of migrations has dealt with."
    );
    describe_gauge!(
        EVENTS_LAG,
        Unit::Seconds,
        "How old the next event of a reader is that it has not been given yet."
    );
}

/// A run has dealt with one of its items. A strategy is one that the plan has found, and so is registered.
pub(crate) fn run_item(strategy: &StrategyName, state: &'static str) {
    counter!(RUN_ITEMS, "strategy" => strategy.to_string(), "state" => state).increment(1);
}

/// A reader of events is given those from this time on, or there are none. Cursors are the application's, and few.
pub(crate) fn events_lag(cursor: &str, first: Option<SystemTime>) {
    let lag = first.map_or(0.0, |at| at.elapsed().unwrap_or_default().as_secs_f64());
    gauge!(EVENTS_LAG, "cursor" => cursor.to_owned()).set(lag);
}

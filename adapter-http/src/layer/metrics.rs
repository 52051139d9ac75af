//! What a layer counts and measures of its decisions, for the facade `metrics`.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Access, Rejection};

use super::observation::{access_label, outcome_label};

/// How long a decision took.
const ADMISSION: &str = "tenancy_admission_duration_seconds";
/// How many requests were refused.
const REFUSALS: &str = "tenancy_refusals_total";

/// Describes the metrics of the layers to the recorder that is installed. Call it once, after installing one.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `tenancy_admission_duration_seconds` | histogram, seconds | `access`: `scoped`, `optional`, `public`, `authenticated`; `outcome`: `admitted`, `visit`, `no_tenant`, `authenticated`, `refused` |
/// | `tenancy_refusals_total` | counter | `access`; `code`: that of the refusal, such as `rate_limited` |
///
/// A request that passes several layers counts at each that decides on it. The time is that from the layer to the handler:
/// authentication, look-up, membership. No metric has a tenant for a label: there may be a hundred thousand of them, and a
/// request names any it likes.
pub fn describe_metrics() {
    describe_histogram!(
        ADMISSION,
        Unit::Seconds,
        "How long a tenancy layer took to decide on a request."
    );
    describe_counter!(REFUSALS, Unit::Count, "Requests that a tenancy layer refused.");
}

pub(super) fn record(access: Access, took: Duration, scope: &Result<TenantScope, Rejection>) {
    let access = access_label(access);
    histogram!(ADMISSION, "access" => access, "outcome" => outcome_label(scope)).record(took.as_secs_f64());
    if let Err(rejection) = scope {
        counter!(REFUSALS, "access" => access, "code" => rejection.code()).increment(1);
    }
}

//! What a layer counts and measures of its decisions, for the facade `metrics`.

use std::time::Duration;

use metrics::{Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Access, Rejection};

use super::counting::REQUESTS_BY_TENANT;
use super::labels::{access_label, outcome_label};

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
/// | `tenancy_tenant_requests_total` | counter | `tenant`: one of the hundred busiest, or `other`; `outcome`: `served`, `limited`. Only with [`with_tenant_label`](crate::TenancyBuilder::with_tenant_label) |
///
/// A request that passes several layers counts at each that decides on it, and once for its tenant. The time is that from the layer to the handler:
/// authentication, look-up, membership. No other metric has a tenant for a label: there may be a hundred thousand of them, and a
/// request names any it likes.
pub fn describe_metrics() {
    describe_histogram!(
        ADMISSION,
        Unit::Seconds,
        "How long a tenancy layer took to decide on a request."
    );
    describe_counter!(REFUSALS, Unit::Count, "Requests that a tenancy layer refused.");
    describe_counter!(
        REQUESTS_BY_TENANT,
        Unit::Count,
        "Requests of tenants' members, by the busiest tenants."
    );
}

pub(super) fn record(access: Access, took: Duration, scope: &Result<TenantScope, Rejection>) {
    let access = access_label(access);
    duration(access, outcome_label(scope)).record(took.as_secs_f64());
    if let Err(rejection) = scope {
        counter!(REFUSALS, "access" => access, "code" => rejection.code()).increment(1);
    }
}

/// The histogram of these labels. Its name and labels are literals, so that a request allocates nothing for it.
fn duration(access: &str, outcome: &str) -> Histogram {
    macro_rules! of {
        ($access:literal, $outcome:literal) => {
            histogram!("tenancy_admission_duration_seconds", "access" => $access, "outcome" => $outcome)
        };
        ($access:literal) => {
            match outcome {
                "admitted" => of!($access, "admitted"),
                "visit" => of!($access, "visit"),
                "no_tenant" => of!($access, "no_tenant"),
                "authenticated" => of!($access, "authenticated"),
                "refused" => of!($access, "refused"),
                _ => of!($access, "other"),
            }
        };
    }
    match access {
        "scoped" => of!("scoped"),
        "optional" => of!("optional"),
        "public" => of!("public"),
        "authenticated" => of!("authenticated"),
        _ => of!("other"),
    }
}

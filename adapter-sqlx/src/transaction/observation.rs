//! What beginning a transaction tells `tracing` and, by the feature `metrics`, the facade of that name.

use std::fmt;
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantRecord;

#[cfg(any(feature = "metrics", feature = "spans"))]
use crate::ErrorKind;
use crate::TransactionError;

/// How long a transaction may take to begin before that is logged, unless set otherwise.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// A transaction that is beginning.
pub(super) struct Beginning<'t> {
    tenant: &'t TenantRecord,
    begun: Instant,
    #[cfg(feature = "metrics")]
    _waiting: metrics::Counted,
    #[cfg(feature = "spans")]
    span: tracing::Span,
}

impl<'t> Beginning<'t> {
    /// Of a tenant whose strategy is registered: that it is a label of metrics is safe then.
    pub(super) fn new(tenant: &'t TenantRecord) -> Self {
        Self {
            tenant,
            begun: Instant::now(),
            #[cfg(feature = "metrics")]
            _waiting: metrics::waiting(tenant),
            #[cfg(feature = "spans")]
            span: tracing::debug_span!(
                target: "tenancy",
                "tenancy.begin",
                tenant = tenant.id.as_str(),
                strategy = tenant.strategy.as_str(),
                placement = tenant.placement.as_ref().map(|placement| placement.as_str()),
                outcome = tracing::field::Empty,
            ),
        }
    }

    /// When it began to begin.
    pub(super) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Runs what begins it in its span.
    #[cfg(feature = "spans")]
    pub(super) fn watch<F: Future>(&self, begin: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(begin, self.span.clone())
    }

    /// It has begun, or failed. Returns what counts it as under way.
    pub(super) fn end(self, outcome: Result<(), &TransactionError>, slow: Duration) -> UnderWay {
        let took = self.begun.elapsed();
        if took >= slow {
            let TenantRecord { id, strategy, .. } = self.tenant;
            match outcome {
                Ok(()) => tracing::warn!(%id, %strategy, ?took, "a transaction was slow to begin"),
                Err(error) => {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(%id, %strategy, ?took, error, "a transaction was slow to begin, and failed");
                }
            }
        }
        #[cfg(feature = "spans")]
        self.span.record("outcome", label(outcome));
        UnderWay {
            #[cfg(feature = "metrics")]
            _counted: metrics::record(self.tenant, took, outcome),
        }
    }
}

/// How metrics and spans name what a beginning came to.
#[cfg(any(feature = "metrics", feature = "spans"))]
fn label(outcome: Result<(), &TransactionError>) -> &'static str {
    match outcome {
        Ok(()) => "begun",
        Err(error) => match ErrorKind::of(error) {
            ErrorKind::Exhausted => "exhausted",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Retryable => "retryable",
            ErrorKind::Updating => "updating",
            ErrorKind::Unavailable => "unavailable",
            _ => "failed",
        },
    }
}

/// Counts a transaction for as long as it is held.
#[derive(Default)]
pub(super) struct UnderWay {
    #[cfg(feature = "metrics")]
    _counted: Option<metrics::Counted>,
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").finish_non_exhaustive()
    }
}

#[cfg(feature = "metrics")]
pub(crate) mod metrics {
    use std::time::Duration;

    use metrics::{Gauge, Unit, describe_gauge, describe_histogram, gauge, histogram};
    use tenancy_core::directory::TenantRecord;

    use super::label;
    use crate::TransactionError;

    const BEGIN: &str = "tenancy_begin_duration_seconds";
    const WAITING: &str = "tenancy_begins_waiting";
    const UNDER_WAY: &str = "tenancy_transactions_under_way";

    /// Describes the metrics of transactions to the recorder that is installed. Call it once, after installing one.
    ///
    /// | metric | kind | labels |
    /// |---|---|---|
    /// | `tenancy_begin_duration_seconds` | histogram, seconds | `strategy`; `outcome`: `begun`, `exhausted`, `forbidden`, `retryable`, `unavailable`, `updating`, `failed` |
    /// | `tenancy_begins_waiting` | gauge | `strategy`: how many transactions are beginning |
    /// | `tenancy_transactions_under_way` | gauge | `strategy`: how many have begun and not ended |
    /// | `tenancy_run_items_total` | counter | `strategy`; `state`: `done`, `failed`, `skipped`: tenants that a run of migrations has dealt with in this process |
    /// | `tenancy_events_lag_seconds` | gauge | `cursor`: how old the first event of the last batch was when its reader was given it; 0 once all are read |
    ///
    /// A strategy is one that is registered. The time is that until the transaction is bound to its tenant: waiting for a
    /// connection is most of it, if it is long. No metric has a tenant for a label.
    pub fn describe_metrics() {
        describe_histogram!(BEGIN, Unit::Seconds, "How long a tenant's transaction took to begin.");
        describe_gauge!(WAITING, Unit::Count, "Tenants' transactions that are beginning.");
        describe_gauge!(
            UNDER_WAY,
            Unit::Count,
            "Tenants' transactions that have begun and not ended."
        );
        #[cfg(any(feature = "postgres", feature = "sqlite"))]
        crate::operation_metrics::describe();
    }

    /// Raises a gauge for as long as it is held, also where a future is dropped.
    pub(super) struct Counted(Gauge);

    impl Counted {
        fn new(gauge: Gauge) -> Self {
            gauge.increment(1.0);
            Self(gauge)
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.decrement(1.0);
        }
    }

    pub(super) fn waiting(tenant: &TenantRecord) -> Counted {
        Counted::new(gauge!(WAITING, "strategy" => tenant.strategy.to_string()))
    }

    pub(super) fn record(
        tenant: &TenantRecord,
        took: Duration,
        outcome: Result<(), &TransactionError>,
    ) -> Option<Counted> {
        let strategy = tenant.strategy.to_string();
        histogram!(BEGIN, "strategy" => strategy.clone(), "outcome" => label(outcome)).record(took.as_secs_f64());
        outcome
            .ok()
            .map(|()| Counted::new(gauge!(UNDER_WAY, "strategy" => strategy)))
    }
}

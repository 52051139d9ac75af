//! What is logged, and whether one tenant's data is in another's lines.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::report::Part;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

static LINES: AtomicU64 = AtomicU64::new(0);
static FOREIGN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What each mark begins with. A mark ends with a colon, so that none is the beginning of another.
pub(crate) const MARK: &str = "mark:";

/// The mark of a tenant: each row of its own has it, and each error that its handlers provoke.
pub(crate) fn mark_of(tenant: &str) -> Arc<str> {
    format!("{MARK}{tenant}:").into()
}

/// The first mark in a text that is not `own`.
pub(crate) fn foreign_mark<'t>(text: &'t str, own: Option<&str>) -> Option<&'t str> {
    text.match_indices(MARK)
        .filter_map(|(at, _)| text.get(at..))
        .find(|rest| own.is_none_or(|own| !rest.starts_with(own)))
        // A text that was cut off within the mark is not judged.
        .filter(|rest| rest.get(MARK.len()..).is_some_and(|rest| rest.contains(':')))
}

/// Lines that are logged meanwhile belong to the tenant of this mark.
pub(crate) async fn scope<F: Future>(mark: Arc<str>, future: F) -> F::Output {
    CURRENT.scope(mark, future).await
}

/// Judges every line that sqlx and tenancy log, from now on.
pub(crate) fn watch() {
    // A second one in the same process has nothing to add.
    let _ = tracing::subscriber::set_global_default(Watch);
}

/// Counts what was logged since the last call.
pub(crate) fn count(part: &Part) {
    part.add("lines of the log looked at", LINES.swap(0, Ordering::Relaxed));
    part.invariant("lines with another tenant's data");
    let foreign = std::mem::take(&mut *FOREIGN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    for line in foreign {
        part.broken("lines with another tenant's data", line);
    }
}

struct Watch;

impl Subscriber for Watch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        *metadata.level() <= Level::DEBUG && (target.starts_with("sqlx") || target.starts_with("tenancy"))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        LINES.fetch_add(1, Ordering::Relaxed);
        let mut line = Line(format!("{}: ", event.metadata().target()));
        event.record(&mut line);
        let own = CURRENT.try_with(Arc::clone).ok();
        // A notice to a dropped query is read by a background task, which has no tenant.
        let is_anyones = own.is_none() && event.metadata().target() == "sqlx::postgres::notice";
        if !is_anyones && foreign_mark(&line.0, own.as_deref()).is_some() {
            let told = format!("to {own:?}: {}", line.0.chars().take(400).collect::<String>());
            FOREIGN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .push(told);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        // Writing into a text does not fail.
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_begins_like_another_is_foreign() {
        let own = mark_of("r1");
        let judge = |text| foreign_mark(text, Some(&own)).is_some();
        assert!(!judge("failed to write `mark:r1:`, and again mark:r1:"));
        assert!(judge("failed to write `mark:r1:`, not `mark:r10:`"));
        assert!(judge("mark:r:"));
        assert!(!judge("cut off: mark:r"));
        assert!(foreign_mark("mark:r1:", None).is_some());
        assert!(foreign_mark("no mark", None).is_none());
    }
}

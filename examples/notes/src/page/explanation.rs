//! The explanation of one request: what tenancy's layer logs of it under `tenancy::explain`, caught where the page sent it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

const TARGET: &str = "tenancy::explain";

tokio::task_local! {
    /// What was logged of the request that the running task handles for the page.
    static CAUGHT: RefCell<Vec<String>>;
}

/// Catches explanations of the page's own requests, and of no others.
pub(crate) fn layer<S: Subscriber + for<'l> LookupSpan<'l>>() -> impl Layer<S> {
    let filter = dynamic_filter_fn(|metadata, _| metadata.target() == TARGET && CAUGHT.try_with(|_| ()).is_ok())
        .with_max_level_hint(LevelFilter::DEBUG);
    Catch.with_filter(filter)
}

/// What the work comes to, and the steps of the decision that was made in it.
pub(super) async fn explained<T>(work: impl Future<Output = T>) -> (T, Vec<String>) {
    let watched = async {
        let done = work.await;
        (done, CAUGHT.with(RefCell::take))
    };
    let (done, lines) = CAUGHT.scope(RefCell::default(), watched).await;
    (done, lines.iter().flat_map(|line| steps(line)).collect())
}

struct Catch;

impl<S: Subscriber> Layer<S> for Catch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        // Outside of the page's requests there is nothing to put it into.
        let _ = CAUGHT.try_with(|caught| caught.borrow_mut().push(message.0));
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The steps of an explanation in one line. Texts of others stand between backticks, and what separates steps may be in them.
fn steps(line: &str) -> Vec<String> {
    let (mut steps, mut step) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in line.chars() {
        match character {
            '`' if !is_escaped => is_quoted = !is_quoted,
            ' ' if !is_quoted && step.ends_with(';') => {
                step.pop();
                steps.push(std::mem::take(&mut step));
                continue;
            }
            _ => {}
        }
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        step.push(character);
    }
    steps.push(step);
    steps
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_text_of_others_is_no_step() {
        for (line, expected) in [
            (
                "policy Scoped; credentials absent",
                &["policy Scoped", "credentials absent"][..],
            ),
            (
                r"subject `a; admitted to \`b\`; c\\`; refused with 403",
                &[r"subject `a; admitted to \`b\`; c\\`", "refused with 403"],
            ),
            ("one", &["one"]),
        ] {
            assert_eq!(steps(line), expected, "{line}");
        }
    }

    /// Two requests at a time, each with its own, and one that is not the page's.
    #[test]
    fn each_request_has_its_own_explanation() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decide = |who: &'static str| async move {
            let is_explained = tracing::enabled!(target: "tenancy::explain", tracing::Level::DEBUG);
            tracing::debug!(target: "tenancy::explain", "{who}; begun");
            tokio::task::yield_now().await;
            tracing::debug!(target: "tenancy::other", "{who}; not of a decision");
            tracing::debug!(target: "tenancy::explain", "{who}; admitted");
            is_explained
        };
        let expected = |who: &str| (true, [who, "begun", who, "admitted"].map(str::to_owned).to_vec());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer()), || {
            runtime.block_on(async {
                let of = |who| explained(decide(who));
                let (alice, _, bob) = tokio::join!(of("alice"), decide("other"), of("bob"));
                assert_eq!(alice, expected("alice"));
                assert_eq!(bob, expected("bob"));
            });
        });
    }
}

//! The commands about events.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use tenancy_sqlx::{EventReader, SqlDirectory, TenantEvent};

use crate::args::{ListEvents, TailEvents};
use crate::interrupt::Interrupt;
use crate::output::{Answer, Exit, Failure, printable, time};
use crate::site::{Operated, Site};

/// An event, as machines read it.
pub(crate) fn machine(event: &TenantEvent) -> Value {
    json!({
        "seq": event.seq,
        "at": time(event.at),
        "tenant": event.tenant.as_ref().map(|tenant| tenant.as_str()),
        "kind": event.kind.as_str(),
        "before": event.before,
        "after": event.after,
        "subject": event.member.as_ref().map(|member| &member.subject),
        "issuer": event.member.as_ref().and_then(|member| member.issuer.as_ref()),
        "actor": event.actor,
        "reason": event.reason,
    })
}

/// An event in one line.
pub(crate) fn text(event: &TenantEvent) -> String {
    let mut parts = vec![event.seq.to_string(), time(event.at)];
    parts.push(event.tenant.as_ref().map_or("-", |tenant| tenant.as_str()).to_owned());
    parts.push(event.kind.to_string());
    match (&event.before, &event.after) {
        (Some(before), Some(after)) => parts.push(format!("{before} -> {after}")),
        (Some(before), None) => parts.push(format!("{before} ->")),
        (None, Some(after)) => parts.push(format!("-> {after}")),
        (None, None) => {}
    }
    if let Some(member) = &event.member {
        parts.push(format!("subject {}", member.subject));
        parts.extend(member.issuer.as_ref().map(|issuer| format!("of {issuer}")));
    }
    parts.push(format!("by {}", event.actor));
    parts.extend(event.reason.as_ref().map(|reason| format!("({reason})")));
    printable(&parts.join("  "))
}

pub(crate) async fn list<DB: Operated>(site: &Site<'_>, list: &ListEvents) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let limit = NonZeroU32::from(list.limit);
    let events = match &list.tenant {
        Some(tenant) => directory.events_of(tenant, list.after, limit).await?,
        None => directory.events(list.after, limit).await?,
    };
    directory.close().await;
    let lines: Vec<String> = events.iter().map(text).collect();
    let machine: Vec<Value> = events.iter().map(machine).collect();
    let answer = Answer::new(lines.join("\n")).with("events", machine);
    let is_whole = u64::try_from(events.len()).is_ok_and(|number| number < u64::from(limit.get()));
    Ok(match events.last().filter(|_| !is_whole) {
        Some(last) => answer.run(format!("events list --after {}", last.seq)),
        None => answer,
    })
}

/// How many events are read at a time.
const BATCH: NonZeroU32 = NonZeroU32::new(100).unwrap();

pub(crate) async fn tail<DB: Operated>(
    site: &Site<'_>,
    tail: &TailEvents,
    interrupt: &Interrupt,
) -> Result<Answer, Failure> {
    let source = Source::<DB>::open(site, tail).await?;
    let mut printing = Printing {
        site,
        left: tail.limit.map(NonZeroU32::get),
    };
    tokio::select! {
        biased;
        ended = printing.run(source, tail) => ended,
        () = interrupt.raised() => Ok(Answer::streamed().ending(Exit::Interrupted)),
    }
}

/// Where events come from.
enum Source<DB: Operated> {
    /// A cursor that the directory remembers.
    Cursor(Box<EventReader<DB>>),
    /// A number that this command remembers.
    After(SqlDirectory<DB>, i64),
}

impl<DB: Operated> Source<DB> {
    async fn open(site: &Site<'_>, tail: &TailEvents) -> Result<Self, Failure> {
        if let Some(cursor) = &tail.cursor {
            let directory = site.writer::<DB>(&crate::args::Change::default()).await?;
            let reader = directory.follow_events(cursor.clone()).await?;
            return Ok(Self::Cursor(Box::new(reader.with_poll_interval(tail.every))));
        }
        let directory = site.reader::<DB>().await?;
        let after = match tail.after {
            Some(after) => after,
            None => directory.last_event().await?,
        };
        Ok(Self::After(directory, after))
    }

    /// The next events; none where it is time to wait.
    async fn next(&mut self, tail: &TailEvents, limit: NonZeroU32) -> Result<Vec<TenantEvent>, Failure> {
        match self {
            Self::Cursor(reader) => Ok(reader.next_batch(limit).await?),
            Self::After(directory, after) => {
                let events = match &tail.tenant {
                    Some(tenant) => directory.events_of(tenant, *after, limit).await?,
                    None => directory.events(*after, limit).await?,
                };
                if let Some(last) = events.last() {
                    *after = last.seq;
                }
                Ok(events)
            }
        }
    }

    /// What was printed is not read again.
    async fn acknowledge(&mut self) -> Result<(), Failure> {
        match self {
            Self::Cursor(reader) => Ok(reader.acknowledge().await?),
            Self::After(..) => Ok(()),
        }
    }
}

struct Printing<'p, 's> {
    site: &'p Site<'s>,
    left: Option<u32>,
}

impl Printing<'_, '_> {
    async fn run<DB: Operated>(&mut self, mut source: Source<DB>, tail: &TailEvents) -> Result<Answer, Failure> {
        loop {
            let limit = self.left.map_or(BATCH, |left| {
                NonZeroU32::new(left).map_or(BATCH, |left| left.min(BATCH))
            });
            let events = source.next(tail, limit).await?;
            for event in &events {
                if self.site.output.line(&machine(event), &text(event)).is_err() {
                    // Nobody reads any more.
                    return Ok(Answer::streamed());
                }
            }
            source.acknowledge().await?;
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX));
                if *left == 0 {
                    return Ok(Answer::streamed());
                }
            }
            if events.is_empty() {
                tokio::time::sleep(tail.every).await;
            }
        }
    }
}

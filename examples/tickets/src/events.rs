//! An organisation's new tickets, as they come (server-sent events).

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::{Stream, TryStreamExt, stream};
use tenancy::axum::Tenant;
use tokio::time::{Instant, sleep};

use crate::App;
use crate::error::AppError;
use crate::tickets::{BEHIND, Ticket};

const INTERVAL: Duration = Duration::from_millis(500);

/// A client comes back with the last number that it has seen, and is admitted anew. So one who is not a member any more
/// sees nothing for longer than this.
const LIFETIME: Duration = Duration::from_secs(60);

/// The table is looked at, and no channel of PostgreSQL: an organisation with a database of its own has its channels there,
/// which would be a connection for each reader.
pub(crate) async fn events(
    tenant: Tenant,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, AppError>>>, AppError> {
    let seen = headers
        .get("last-event-id")
        .and_then(|seen| seen.to_str().ok()?.parse().ok());
    let seen = match seen {
        Some(seen) => seen,
        None => newest(&app, &tenant).await?,
    };
    let end = Instant::now() + LIFETIME;
    let batches = stream::try_unfold(seen, move |seen| {
        let (app, tenant) = (app.clone(), tenant.clone());
        async move {
            while Instant::now() < end {
                let tickets = behind(&app, &tenant, seen).await?;
                if let Some(last) = tickets.last() {
                    let seen = last.number;
                    return Ok::<_, AppError>(Some((tickets, seen)));
                }
                sleep(INTERVAL).await;
            }
            Ok(None)
        }
    });
    let events = batches.map_ok(|tickets| stream::iter(tickets.into_iter().map(event).map(Ok)));
    Ok(Sse::new(events.try_flatten()))
}

fn event(ticket: Ticket) -> Event {
    let event = Event::default().event("ticket").id(ticket.number.to_string());
    // Numbers and texts alone: there is nothing that JSON cannot hold.
    event.json_data(ticket).unwrap_or_default()
}

async fn newest(app: &App, tenant: &Tenant) -> Result<i64, AppError> {
    let mut tx = app.db.begin_read(tenant).await?;
    let newest = sqlx::query_scalar("select coalesce(max(number), 0) from tickets");
    Ok(newest.fetch_one(&mut *tx).await?)
}

async fn behind(app: &App, tenant: &Tenant, seen: i64) -> Result<Vec<Ticket>, AppError> {
    let mut tx = app.db.begin_read(tenant).await?;
    Ok(sqlx::query_as(BEHIND).bind(seen).fetch_all(&mut *tx).await?)
}

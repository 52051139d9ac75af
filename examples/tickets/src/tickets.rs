//! Tickets. No statement names a tenant, and none knows the strategy.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tenancy::axum::{Payload, Tenant};

use crate::error::AppError;
use crate::triage::Job;
use crate::{App, User};

#[derive(Serialize, sqlx::FromRow)]
pub(crate) struct Ticket {
    pub(crate) number: i64,
    title: String,
    body: String,
    author: String,
    priority: String,
    is_open: bool,
}

#[derive(Deserialize)]
pub(crate) struct NewTicket {
    title: String,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
pub(crate) struct Changes {
    title: String,
    is_open: bool,
}

/// Tickets behind a number.
pub(crate) const BEHIND: &str = "select number, title, body, p.name as author, priority, is_open
     from tickets t join people p on p.subject = t.author where number > $1 order by number limit 100";

/// An upsert names its constraint: the columns of the key differ between the strategies.
const REMEMBER: &str = "insert into people (subject, name) values ($1, $2)
     on conflict on constraint people_pkey do update set name = excluded.name";

/// The next number of the organisation. It is locked until the transaction ends, so numbers have no gaps, and become visible
/// in their order.
const NEXT_NUMBER: &str = "insert into counters (name, value) values ('ticket', 1)
     on conflict on constraint counters_pkey do update set value = counters.value + 1 returning value";

pub(crate) async fn list(tenant: Tenant, State(app): State<App>) -> Result<Json<Vec<Ticket>>, AppError> {
    let mut tx = app.db.begin_read(&tenant).await?;
    Ok(Json(sqlx::query_as(BEHIND).bind(0_i64).fetch_all(&mut *tx).await?))
}

pub(crate) async fn create(
    tenant: Tenant,
    user: Payload<User>,
    State(app): State<App>,
    Json(new): Json<NewTicket>,
) -> Result<(StatusCode, Json<Ticket>), AppError> {
    let ticket: Ticket = app
        .db
        .run(&tenant, async |tx| {
            let author = tenant.subject().as_str();
            sqlx::query(REMEMBER)
                .bind(author)
                .bind(&user.name)
                .execute(&mut **tx)
                .await?;
            let number: i64 = sqlx::query_scalar(NEXT_NUMBER).fetch_one(&mut **tx).await?;
            let sql = "insert into tickets (number, title, body, author) values ($1, $2, $3, $4)
                 returning number, title, body, $5 as author, priority, is_open";
            let ticket = sqlx::query_as(sql).bind(number).bind(&new.title).bind(&new.body);
            let ticket = ticket.bind(author).bind(&user.name).fetch_one(&mut **tx).await?;
            Ok::<_, AppError>(ticket)
        })
        .await?;
    app.enqueue(Job {
        tenant: tenant.id().clone(),
        number: ticket.number,
    });
    Ok((StatusCode::CREATED, Json(ticket)))
}

pub(crate) async fn read(
    tenant: Tenant,
    State(app): State<App>,
    Path(number): Path<i64>,
) -> Result<Json<Ticket>, AppError> {
    let mut tx = app.db.begin_read(&tenant).await?;
    let sql = "select number, title, body, p.name as author, priority, is_open
         from tickets t join people p on p.subject = t.author where number = $1";
    let ticket = sqlx::query_as(sql).bind(number).fetch_optional(&mut *tx).await?;
    ticket.map(Json).ok_or(AppError::NotFound)
}

pub(crate) async fn update(
    tenant: Tenant,
    State(app): State<App>,
    Path(number): Path<i64>,
    Json(changes): Json<Changes>,
) -> Result<StatusCode, AppError> {
    let changed = app.db.run(&tenant, async |tx| {
        let sql = "update tickets set title = $2, is_open = $3 where number = $1";
        let update = sqlx::query(sql).bind(number).bind(&changes.title).bind(changes.is_open);
        Ok::<_, AppError>(update.execute(&mut **tx).await?.rows_affected())
    });
    match changed.await? {
        0 => Err(AppError::NotFound),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Owners alone delete.
pub(crate) async fn delete(
    tenant: Tenant,
    State(app): State<App>,
    Path(number): Path<i64>,
) -> Result<StatusCode, AppError> {
    if !tenant.roles().has("owner") {
        return Err(AppError::Forbidden);
    }
    let deleted = app.db.run(&tenant, async |tx| {
        let delete = sqlx::query("delete from tickets where number = $1").bind(number);
        Ok::<_, AppError>(delete.execute(&mut **tx).await?.rows_affected())
    });
    match deleted.await? {
        0 => Err(AppError::NotFound),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

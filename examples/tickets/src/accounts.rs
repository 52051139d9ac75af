//! Organisations themselves: sign-up, the choice of one, and what the platform's staff do.

use std::num::NonZeroUsize;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tenancy::axum::{Caller, Tenancy};
use tenancy::directory::{Member, TenantEntry};
use tenancy::names::{Role, Subject, TenantId};
use tenancy::sql::{Attribution, CreationKey, MetadataError, NewTenant, PageRequest, SqlDirectory, TenantDb};
use tenancy::{Opened, Postgres};
use tokio::sync::mpsc;

use crate::App;
use crate::error::AppError;
use crate::plan::Plan;

/// What the process for accounts works with: the directory can be changed.
#[derive(Clone)]
struct Accounts {
    db: TenantDb<Postgres>,
    directory: SqlDirectory<Postgres>,
}

/// Sign-up, and the pages of the platform's staff. `opened` has the administrator's credentials.
pub fn accounts(opened: &Opened<Postgres>) -> Router {
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let staff = Router::new()
        .route("/staff/report", get(report))
        .route("/staff/organisations/{id}/suspend", post(suspend))
        .route("/staff/organisations/{id}/activate", post(activate))
        .route_layer(from_fn(staff_alone));
    Router::new()
        .route("/sign-up", post(sign_up))
        .merge(staff)
        .layer(tenancy.authenticated())
        .with_state(Accounts {
            db: opened.db.clone(),
            directory: opened.directory.clone(),
        })
}

async fn staff_alone(caller: Caller, request: Request, next: Next) -> Response {
    if !caller.is_platform_staff() {
        return AppError::Forbidden.into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct SignUp {
    id: TenantId,
    name: String,
    plan: Plan,
}

/// The caller creates an organisation, and is its owner. Doing it again, after a time-out, answers alike.
async fn sign_up(
    caller: Caller,
    State(accounts): State<Accounts>,
    Json(wanted): Json<SignUp>,
) -> Result<(StatusCode, Json<Organisation>), AppError> {
    let owner = [Role::from_static("owner")].into_iter().collect();
    let owner = Member::of_caller(&caller).with_roles(owner);
    let tenant = NewTenant::new(wanted.id, wanted.plan.strategy())
        .with_name(wanted.name)
        .with_member(owner);
    let Accounts { db, directory } = accounts;
    let directory = directory.by(Attribution::new(caller.subject().clone()));
    let entry = directory.create(&db, &tenant, &CreationKey::of_caller(&caller)).await?;
    let id = &entry.record().id;
    // Revision 0 is that of a tenant without metadata: a sign-up that is repeated later changes no plan.
    match directory.compare_and_set_metadata(id, 0, &wanted.plan.metadata()).await {
        Ok(_) | Err(MetadataError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let name = entry.name().to_owned();
    let id = id.clone();
    let is_owner = true;
    Ok((StatusCode::CREATED, Json(Organisation { id, name, is_owner })))
}

#[derive(Serialize)]
pub(crate) struct Organisation {
    id: TenantId,
    name: String,
    is_owner: bool,
}

#[derive(Deserialize)]
pub(crate) struct After {
    after: Option<TenantId>,
}

/// The organisations that the caller may choose from, a page at a time.
pub(crate) async fn organisations(
    caller: Caller,
    State(app): State<App>,
    Query(After { after }): Query<After>,
) -> Result<Json<Vec<Organisation>>, AppError> {
    let page = after.map_or_else(PageRequest::first, PageRequest::after);
    let memberships = app.directory.tenants_of(&caller, &page).await?.items;
    let organisations = memberships.into_iter().map(|membership| Organisation {
        id: membership.tenant.record().id.clone(),
        name: membership.tenant.name().to_owned(),
        is_owner: membership.roles.has("owner"),
    });
    Ok(Json(organisations.collect()))
}

async fn suspend(
    caller: Caller,
    State(Accounts { directory, .. }): State<Accounts>,
    Path(id): Path<TenantId>,
) -> Result<StatusCode, AppError> {
    directory
        .by(Attribution::new(caller.subject().clone()))
        .suspend(&id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn activate(
    caller: Caller,
    State(Accounts { directory, .. }): State<Accounts>,
    Path(id): Path<TenantId>,
) -> Result<StatusCode, AppError> {
    directory
        .by(Attribution::new(caller.subject().clone()))
        .activate(&id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Report {
    organisations: Vec<OpenTickets>,
    failed: u64,
}

#[derive(Serialize)]
struct OpenTickets {
    id: TenantId,
    open: i64,
}

/// Open tickets of every active organisation, of four at a time.
async fn report(State(Accounts { db, directory }): State<Accounts>) -> Result<Json<Report>, AppError> {
    const AT_ONCE: NonZeroUsize = NonZeroUsize::new(4).unwrap();
    let (sender, mut counted) = mpsc::unbounded_channel();
    let count = move |tenant: tenancy::enforce::Admitted| {
        let (db, sender) = (db.clone(), sender.clone());
        async move {
            let mut tx = db.begin_read(&tenant).await?;
            let open = sqlx::query_scalar("select count(*) from tickets where is_open");
            let open = open.fetch_one(&mut *tx).await?;
            let id = tenant.id().clone();
            // The receiver waits until all have ended.
            let _ = sender.send(OpenTickets { id, open });
            Ok::<_, AppError>(())
        }
    };
    let summary = directory
        .for_each_active(&Subject::from_static("report"), AT_ONCE, count, |_| {})
        .await?;
    let mut organisations = Vec::new();
    while let Ok(one) = counted.try_recv() {
        organisations.push(one);
    }
    organisations.sort_by(|one, other| one.id.cmp(&other.id));
    let failed = summary.failed;
    Ok(Json(Report { organisations, failed }))
}

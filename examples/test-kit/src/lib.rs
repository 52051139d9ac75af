//! A small application, for its tests: `tests/application.rs` shows the test kit.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use sqlx::{Row, Sqlite};
use tenancy_axum::{Tenancy, Tenant, problem};
use tenancy_sqlx::{ErrorKind, TenantDb};

/// The application. `tenancy` and `db` are arguments, so that a test can pass its own.
pub fn app(tenancy: &Tenancy, db: TenantDb<Sqlite>) -> Router {
    let notes = get(list).post(add).delete(clear);
    Router::new()
        .route("/notes", notes)
        .layer(tenancy.scoped())
        .with_state(db)
}

/// An error of the database, as a refusal.
struct Failed(axum::response::Response);

impl<E: std::error::Error + 'static> From<E> for Failed {
    fn from(error: E) -> Self {
        let kind = ErrorKind::of(&error);
        Self(problem(kind.status(), kind.code(), kind.retry_after()))
    }
}

impl axum::response::IntoResponse for Failed {
    fn into_response(self) -> axum::response::Response {
        self.0
    }
}

async fn list(tenant: Tenant, State(db): State<TenantDb<Sqlite>>) -> Result<Json<Vec<String>>, Failed> {
    let mut tx = db.begin_read(&tenant).await?;
    let rows = sqlx::query("select body from notes order by id")
        .fetch_all(&mut *tx)
        .await?;
    Ok(Json(rows.iter().map(|row| row.get(0)).collect()))
}

async fn add(tenant: Tenant, State(db): State<TenantDb<Sqlite>>, body: String) -> Result<StatusCode, Failed> {
    let mut tx = db.begin(&tenant).await?;
    let sql = "insert into notes (id, body) select coalesce(max(id), 0) + 1, ? from notes";
    sqlx::query(sql).bind(body).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::CREATED)
}

/// Editors may remove all notes.
async fn clear(tenant: Tenant, State(db): State<TenantDb<Sqlite>>) -> Result<StatusCode, Failed> {
    if !tenant.roles().has("editor") {
        return Ok(StatusCode::FORBIDDEN);
    }
    let mut tx = db.begin(&tenant).await?;
    sqlx::query("delete from notes").execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

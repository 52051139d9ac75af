//! Small programs, one subject each. The first lines of each say what it prints, and a test compares that.

/// A service of one handler, for `tests/handler.rs`, which shows how a handler is tested.
pub mod greeting {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{delete, get};
    use tenancy::axum::{Tenancy, Tenant};

    /// Members read the greeting, and editors remove it.
    pub fn app(tenancy: &Tenancy) -> Router {
        Router::new()
            .route("/greeting", get(read))
            .route("/greeting", delete(remove))
            .layer(tenancy.scoped())
    }

    async fn read(tenant: Tenant) -> String {
        format!("hello {} of {}", tenant.subject(), tenant.id())
    }

    async fn remove(tenant: Tenant) -> StatusCode {
        if tenant.roles().has("editor") {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::FORBIDDEN
        }
    }
}

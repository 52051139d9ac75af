//! What an organisation pays for: it is in the directory, as the tenant's metadata.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenancy::axum::Tenant;
use tenancy::names::StrategyName;

use crate::App;
use crate::error::AppError;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Plan {
    Free,
    Team,
    Enterprise,
}

impl Plan {
    /// How the data of an organisation is kept apart.
    pub(crate) fn strategy(self) -> StrategyName {
        StrategyName::from_static(match self {
            Self::Free => "row",
            Self::Team => "schema",
            Self::Enterprise => "database",
        })
    }

    pub(crate) fn metadata(self) -> Map<String, Value> {
        Map::from_iter([("plan".to_owned(), serde_json::json!(self))])
    }
}

/// The organisation's metadata, as its members see it.
pub(crate) async fn show(tenant: Tenant, State(app): State<App>) -> Result<Json<Map<String, Value>>, AppError> {
    let metadata = app.directory.metadata(tenant.id()).await?;
    Ok(Json(metadata.ok_or(AppError::NotFound)?.into_object()))
}

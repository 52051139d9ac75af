//! The application: what each route does, whatever the framework.

use serde::{Deserialize, Serialize};
use tenancy_core::enforce::{Admitted, Caller};
use tenancy_core::names::{Role, TenantId};
use tenancy_sqlx::ErrorKind;

use crate::store::{Note, Store, StoreError};

/// The notes service.
#[derive(Clone, Debug)]
pub(crate) struct App {
    store: Store,
}

impl App {
    /// The greatest body of a request, in bytes.
    pub(crate) const MAX_BODY: usize = 64 * 1024;

    pub(crate) const fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) async fn list(&self) -> Result<Reply, AppError> {
        Reply::json(200, &self.store.list().await?)
    }

    pub(crate) async fn create(&self, body: &[u8]) -> Result<Reply, AppError> {
        let draft = Draft::parse(body)?;
        Reply::json(201, &self.store.create(draft.body).await?)
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Reply, AppError> {
        found(self.store.read(id).await?)
    }

    pub(crate) async fn update(&self, id: &str, body: &[u8]) -> Result<Reply, AppError> {
        let draft = Draft::parse(body)?;
        found(self.store.update(id, draft.body).await?)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<Reply, AppError> {
        if self.store.delete(id).await? {
            Ok(Reply::empty(204))
        } else {
            Err(AppError::NotFound)
        }
    }

    /// Closes the databases.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

fn found(note: Option<Note>) -> Result<Reply, AppError> {
    Reply::json(200, &note.ok_or(AppError::NotFound)?)
}

/// What a client sends to write a note. The server makes the id.
#[derive(Deserialize)]
struct Draft {
    body: String,
}

impl Draft {
    /// First: is it JSON, all of it? Only then: is it a draft? A name twice is another shape.
    fn parse(body: &[u8]) -> Result<Self, AppError> {
        let json: serde_json::Value = serde_json::from_slice(body).map_err(|_| AppError::Json)?;
        if !json.is_object() {
            return Err(AppError::Shape);
        }
        serde_json::from_slice(body).map_err(|_| AppError::Shape)
    }
}

/// An answer, before a framework sends it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn whoami(tenant: &Admitted) -> Result<Self, AppError> {
        #[derive(Serialize)]
        struct Whoami<'a> {
            tenant: &'a str,
            resolver: &'a str,
            subject: &'a str,
            /// Who acts in the subject's place.
            #[serde(skip_serializing_if = "Option::is_none")]
            actor: Option<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            roles: Vec<&'a str>,
        }
        Self::json(
            200,
            &Whoami {
                tenant: tenant.id().as_str(),
                resolver: tenant.resolver().as_str(),
                subject: tenant.subject().as_str(),
                actor: tenant.actor().map(|actor| actor.subject().as_str()),
                roles: tenant.roles().iter().map(Role::as_str).collect(),
            },
        )
    }

    pub(crate) fn tenant(id: Option<&TenantId>) -> Result<Self, AppError> {
        #[derive(Serialize)]
        struct Tenant<'a> {
            tenant: Option<&'a str>,
        }
        Self::json(
            200,
            &Tenant {
                tenant: id.map(TenantId::as_str),
            },
        )
    }

    pub(crate) fn account(caller: &Caller) -> Result<Self, AppError> {
        #[derive(Serialize)]
        struct Account<'a> {
            caller: &'a str,
        }
        let caller = caller.subject().as_str();
        Self::json(200, &Account { caller })
    }

    fn json(status: u16, value: &impl Serialize) -> Result<Self, AppError> {
        Ok(Self {
            status,
            media_type: Some("application/json"),
            body: serde_json::to_vec(value).map_err(AppError::Serialize)?,
        })
    }

    const fn empty(status: u16) -> Self {
        Self {
            status,
            media_type: None,
            body: Vec::new(),
        }
    }
}

/// Why the application, not tenancy, refuses a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("the body is no JSON")]
    Json,
    #[error("the body is JSON of another shape")]
    Shape,
    #[error("the body is larger than a note may be")]
    TooLarge,
    #[error("no such note")]
    NotFound,
    #[error("failed to read or write the notes")]
    Store(#[source] Box<StoreError>),
    #[error("failed to write the answer")]
    Serialize(#[source] serde_json::Error),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

/// What a client sees of an error: each framework's `problem` makes a response of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// After how many seconds the client may try again.
    pub(crate) retry_after: Option<u32>,
}

impl From<AppError> for Problem {
    /// Logs what the client is not told.
    fn from(error: AppError) -> Self {
        let (status, code, retry_after) = match &error {
            AppError::Json => (400, "malformed_json", None),
            AppError::Shape => (422, "unexpected_shape", None),
            AppError::TooLarge => (413, "too_large", None),
            AppError::NotFound => (404, "not_found", None),
            AppError::Store(error) => {
                let kind = ErrorKind::of(&**error);
                (kind.status(), kind.code(), kind.retry_after())
            }
            AppError::Serialize(_) => (500, "internal", None),
        };
        if status >= 500 {
            tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        }
        Self {
            status,
            code,
            retry_after,
        }
    }
}

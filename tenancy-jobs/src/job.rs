//! A job as the application makes it.

use serde::Serialize;
use tenancy_core::enforce::{Admitted, Standing};
use tenancy_core::names::{Subject, TenantId};
use thiserror::Error;
use uuid::Uuid;

use crate::sealed::{Body, SealedJob};
use crate::{EnqueuedBy, JobKeys};

/// Work that is to be done for a tenant later.
///
/// It is made of an [`Admitted`] alone: who may act in a tenant may leave work for it. A job of the platform for one tenant
/// is made of the capability that [`admit_job`](tenancy_core::enforce::admit_job) returns.
///
/// It cannot be read back. What a queue holds is a [`SealedJob`], which is no capability, and the way from there to the
/// tenant is the [`Gate`](crate::Gate):
///
/// ```compile_fail,E0277
/// # fn forge(text: &str) {
/// let _: tenancy_jobs::TenantJob<String> = serde_json::from_str(text).unwrap();
/// # }
/// ```
///
/// ```
/// # fn read(text: &str) {
/// let _: Result<tenancy_jobs::SealedJob, _> = serde_json::from_str(text);
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "background job")]
pub struct TenantJob<T> {
    id: String,
    tenant: TenantId,
    revision: u64,
    name: Subject,
    by: EnqueuedBy,
    payload: T,
}

impl<T: Serialize> TenantJob<T> {
    /// A job of the name `name`, such as `welcome`, for the tenant of the capability.
    #[must_use]
    pub fn new(admitted: &Admitted, name: Subject, payload: T) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            tenant: admitted.id().clone(),
            revision: admitted.tenant().revision,
            name,
            by: EnqueuedBy {
                subject: admitted.subject().as_str().to_owned(),
                issuer: admitted.issuer().map(|issuer| issuer.as_str().to_owned()),
                is_staff: admitted.standing() == Standing::PlatformStaff,
                is_job: admitted.standing() == Standing::Job,
            },
            payload,
        }
    }

    /// The job's random id. It stays the same in each attempt.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose job it is.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What is to be done.
    #[must_use]
    pub const fn name(&self) -> &Subject {
        &self.name
    }

    /// What a queue may hold: the tenant's id, the revision of its record, who enqueued the job, its name and its payload,
    /// with a code by the application's key.
    ///
    /// # Security
    ///
    /// The payload is not encrypted. Anyone who can read the queue reads it.
    ///
    /// # Errors
    ///
    /// If the payload cannot be written as JSON.
    pub fn seal(&self, keys: &JobKeys) -> Result<SealedJob, SealError> {
        let payload = serde_json::value::to_raw_value(&self.payload).map_err(SealError)?;
        let body = Body {
            id: self.id.clone(),
            tenant: self.tenant.as_str().to_owned(),
            revision: self.revision,
            name: self.name.as_str().to_owned(),
            by: self.by.clone(),
            payload,
        };
        let text = serde_json::to_string(&body).map_err(SealError)?;
        let (key, code) = keys.seal(&text);
        Ok(SealedJob { key, code, job: text })
    }
}

/// The payload of a job cannot be written as JSON.
#[derive(Debug, Error)]
#[error("failed to write the payload of a job as JSON")]
pub struct SealError(#[source] serde_json::Error);

//! One of the two tenants of a check, and what it refuses of the other.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use tenancy_core::testing::TestTenant;

use super::encoded::{holds, spellings};
use super::leak::Leak;
use super::mark::Mark;

/// Why what the test supplies has failed.
pub(super) type AnyError = Box<dyn Error + Send + Sync>;

/// Where in an answer a mark stands.
pub(super) fn place_of(spellings: &[Vec<u8>], answer: &Response<Bytes>) -> Option<String> {
    let in_header = answer
        .headers()
        .iter()
        .find(|(name, value)| holds(name.as_str().as_bytes(), spellings) || holds(value.as_bytes(), spellings));
    if let Some((name, _)) = in_header {
        return Some(format!("header {name}"));
    }
    holds(answer.body(), spellings).then(|| "body".to_owned())
}

/// What came of one request.
pub(super) struct Turn {
    /// Whether the answer has shown the tenant's own data, or the request has changed it.
    pub(super) is_seen: bool,
    pub(super) status: u16,
}

/// One of the two tenants, with its mark.
pub(super) struct Side {
    pub(super) tenant: TestTenant,
    mark: Mark,
    pub(super) spellings: Vec<Vec<u8>>,
}

impl Side {
    pub(super) fn new(tenant: TestTenant) -> Self {
        let mark = Mark::new();
        Self {
            tenant,
            spellings: spellings(mark.as_str()),
            mark,
        }
    }

    /// Sees to it that the tenant's data hold its mark.
    pub(super) async fn planted(
        &self,
        plant: &impl AsyncFn(&TestTenant, &Mark) -> Result<(), AnyError>,
        read: &impl AsyncFn(&TestTenant) -> Result<Bytes, AnyError>,
    ) -> Result<(), Leak> {
        if holds(&self.read(read).await?, &self.spellings) {
            return Ok(());
        }
        let planted = plant(&self.tenant, &self.mark).await;
        planted.map_err(|source| self.failed("plant", source))?;
        if holds(&self.read(read).await?, &self.spellings) {
            return Ok(());
        }
        Err(Leak::NotPlanted {
            tenant: self.tenant.id().to_string(),
        })
    }

    pub(super) async fn read(
        &self,
        read: &impl AsyncFn(&TestTenant) -> Result<Bytes, AnyError>,
    ) -> Result<Bytes, Leak> {
        read(&self.tenant).await.map_err(|source| self.failed("read", source))
    }

    /// This tenant's mark must not be in an answer to the other.
    pub(super) fn refuse_in_answer(
        &self,
        request: &Request<Bytes>,
        to: &Self,
        answer: &Response<Bytes>,
    ) -> Result<(), Leak> {
        match place_of(&self.spellings, answer) {
            None => Ok(()),
            Some(place) => Err(Leak::Answer {
                request: named(request),
                answered: to.tenant.id().to_string(),
                of: self.tenant.id().to_string(),
                place,
            }),
        }
    }

    /// This tenant's mark must not be in the data of the other.
    pub(super) fn refuse_in_data(&self, request: &Request<Bytes>, by: &Self, data: &[u8]) -> Result<(), Leak> {
        if holds(data, &self.spellings) {
            return Err(Leak::Stored {
                request: named(request),
                stored_by: by.tenant.id().to_string(),
                of: self.tenant.id().to_string(),
            });
        }
        Ok(())
    }

    /// A request that replaces or removes shows something once, and may show nothing when it is repeated.
    pub(super) fn refuse_nothing_seen<'t>(
        &self,
        request: &Request<Bytes>,
        turns: impl Iterator<Item = &'t Turn>,
    ) -> Result<(), Leak> {
        let mut status = 0;
        for turn in turns {
            if turn.is_seen {
                return Ok(());
            }
            status = turn.status;
        }
        Err(Leak::NothingSeen {
            request: named(request),
            tenant: self.tenant.id().to_string(),
            status,
        })
    }

    pub(super) fn failed(&self, step: &'static str, source: AnyError) -> Leak {
        Leak::Failed {
            step,
            tenant: self.tenant.id().to_string(),
            source,
        }
    }
}

pub(super) fn named(request: &Request<Bytes>) -> String {
    format!("{} {}", request.method(), request.uri())
}

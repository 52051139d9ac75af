//! `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to §4.1.6).

use crate::verify::json::Object;
use crate::verify::payload::refuse;
use crate::{ClaimProblem, TokenError};

/// The last second of the year 9999. What lies beyond is a mistake, and outgrows other readers.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// When a token holds, in seconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

impl Times {
    pub(crate) fn read(payload: &Object) -> Result<Self, TokenError> {
        Ok(Self {
            exp: seconds(payload, "exp")?.ok_or(refuse("exp", ClaimProblem::Missing))?,
            nbf: seconds(payload, "nbf")?,
            iat: seconds(payload, "iat")?,
        })
    }

    /// The first second at which [`check`](Self::check) finds the token expired.
    pub(crate) fn expires_at(&self, leeway: f64) -> u64 {
        // Not negative, and no greater than the end of the year 9999 and the leeway: nothing is cut off.
        (self.exp + leeway).ceil() as u64
    }

    /// Refuses a token outside its time. `now` and `leeway` are seconds, `now` since 1970.
    pub(crate) fn check(&self, now: f64, leeway: f64) -> Result<(), TokenError> {
        if self.exp + leeway <= now {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf - leeway > now) {
            return Err(TokenError::NotYetValid);
        }
        if self.iat.is_some_and(|iat| iat - leeway > now) {
            return Err(TokenError::IssuedInFuture);
        }
        Ok(())
    }
}

/// A NumericDate: a whole number or a fraction.
fn seconds(payload: &Object, claim: &'static str) -> Result<Option<f64>, TokenError> {
    let Some(value) = payload.get(claim) else {
        return Ok(None);
    };
    match value.as_number() {
        // False for what is not a number (NaN), too.
        Some(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => Ok(Some(seconds)),
        Some(_) => Err(refuse(claim, ClaimProblem::NotTime)),
        None => Err(refuse(claim, ClaimProblem::NotNumber)),
    }
}

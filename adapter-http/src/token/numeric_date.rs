//! `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to §4.1.6).

use super::json::{Json, Object};
use super::{ClaimProblem, TokenError};

/// The last second of the year 9999. What lies beyond is a mistake, and outgrows other readers.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// Refuses a token outside its time. `now` and `leeway` are seconds, `now` since 1970.
pub(super) fn check_times(payload: &Object, now: f64, leeway: f64) -> Result<(), TokenError> {
    let exp = seconds(payload, "exp")?.ok_or(TokenError::Claim {
        claim: "exp",
        problem: ClaimProblem::Missing,
    })?;
    if exp + leeway <= now {
        return Err(TokenError::Expired);
    }
    if seconds(payload, "nbf")?.is_some_and(|nbf| nbf - leeway > now) {
        return Err(TokenError::NotYetValid);
    }
    if seconds(payload, "iat")?.is_some_and(|iat| iat - leeway > now) {
        return Err(TokenError::IssuedInFuture);
    }
    Ok(())
}

/// A NumericDate: a whole number or a fraction.
fn seconds(payload: &Object, claim: &'static str) -> Result<Option<f64>, TokenError> {
    let problem = match payload.get(claim) {
        None => return Ok(None),
        // False for what is no number, too.
        Some(Json::Number(seconds)) if (0.0..=MAX_SECONDS).contains(seconds) => return Ok(Some(*seconds)),
        Some(Json::Number(_)) => ClaimProblem::NotTime,
        Some(_) => ClaimProblem::NotNumber,
    };
    Err(TokenError::Claim { claim, problem })
}

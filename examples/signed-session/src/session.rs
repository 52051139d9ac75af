//! A session: who signed in to which tenant, and until when, as a signed cookie.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::{Cookie, CookieJar, Key, SameSite};
use tenancy_core::names::{Subject, TenantId};

/// The cookie's name. Browsers take one with this prefix from the host itself alone, over TLS alone (RFC 6265bis §4.1.3).
pub const COOKIE: &str = "__Host-session";

/// How long a session lasts.
pub const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// Who signed in to which tenant, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The tenant that was signed in to.
    pub tenant: TenantId,
    /// Who signed in.
    pub subject: Subject,
    /// Seconds since 1970, UTC.
    pub expires: u64,
}

/// A cookie that is no session of ours: it was changed, is not well formed, or has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSession;

/// Signs sessions, and verifies them.
#[derive(Clone)]
pub struct Sessions {
    key: Key,
}

impl Sessions {
    /// Sessions under a key: 64 random bytes or more, the same in each process of the service.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self { key }
    }

    /// The cookie of a session that begins now.
    #[must_use]
    pub fn begin(&self, tenant: &TenantId, subject: &Subject) -> Cookie<'static> {
        let expires = seconds(SystemTime::now() + LIFETIME);
        // A tenant's id has no dot, and neither has a number, so only the subject may have some.
        let value = format!("{tenant}.{expires}.{subject}");
        let cookie = Cookie::build((COOKIE, value)).path("/").secure(true).http_only(true);
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie.same_site(SameSite::Lax));
        // The jar has the cookie that was just added.
        jar.get(COOKIE).cloned().unwrap_or_else(|| Cookie::new(COOKIE, ""))
    }

    /// The session of a cookie's value.
    ///
    /// # Errors
    ///
    /// If the signature is not ours, or the session has expired.
    pub fn verify(&self, value: &str, now: SystemTime) -> Result<Session, InvalidSession> {
        let signed = Cookie::new(COOKIE, value.to_owned());
        let cookie = CookieJar::new()
            .signed(&self.key)
            .verify(signed)
            .ok_or(InvalidSession)?;
        let mut parts = cookie.value().splitn(3, '.');
        let mut next = || parts.next().ok_or(InvalidSession);
        let session = Session {
            tenant: next()?.parse().map_err(|_| InvalidSession)?,
            expires: next()?.parse().map_err(|_| InvalidSession)?,
            subject: next()?.parse().map_err(|_| InvalidSession)?,
        };
        if session.expires <= seconds(now) {
            return Err(InvalidSession);
        }
        Ok(session)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The value of the session's cookie in the values of the `Cookie` fields, of which there may be several (RFC 9113 §8.2.3).
///
/// # Errors
///
/// If the cookie is there twice, or is no text: which of two is meant, nobody can tell.
pub fn find<'f>(fields: impl Iterator<Item = &'f [u8]>) -> Result<Option<&'f str>, InvalidSession> {
    let mut found = None;
    for field in fields {
        for pair in field.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let Some(value) = pair
                .strip_prefix(COOKIE.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            let value = std::str::from_utf8(value).map_err(|_| InvalidSession)?;
            if found.replace(value).is_some() {
                return Err(InvalidSession);
            }
        }
    }
    Ok(found)
}

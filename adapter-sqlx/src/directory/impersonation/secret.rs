//! The secrets of grants and of sessions.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a grant's secret begins with.
const GRANT: &str = "tenancy-grant-";
/// What a session's secret begins with.
pub(super) const SESSION: &str = "tenancy-session-";
/// How many hexadecimal digits follow.
const DIGITS: usize = 64;

/// The secret of a grant of impersonation, or of the session that it was redeemed for: 244 random bits behind a prefix that
/// scanners of leaked secrets can be taught.
///
/// # Security
///
/// It is shown once: the directory stores its SHA-256 digest alone. `Debug` does not show it.
#[derive(Clone)]
pub struct ImpersonationSecret(String);

impl ImpersonationSecret {
    pub(super) fn of_grant() -> Self {
        Self::random(GRANT)
    }

    pub(super) fn of_session() -> Self {
        Self::random(SESSION)
    }

    fn random(prefix: &str) -> Self {
        // Two of 122 bits each.
        let [one, other] = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::simple);
        Self(format!("{prefix}{one}{other}"))
    }

    /// The secret as it is presented.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub(super) fn digest(&self) -> String {
        digest(&self.0)
    }
}

impl fmt::Debug for ImpersonationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImpersonationSecret(..)")
    }
}

/// The digest of what is presented as the secret of a grant; `None` if it cannot be one.
pub(super) fn digest_of_grant(presented: &str) -> Option<String> {
    is_secret(presented, GRANT).then(|| digest(presented))
}

/// The digest of what is presented as the secret of a session; `None` if it cannot be one.
pub(super) fn digest_of_session(presented: &str) -> Option<String> {
    is_secret(presented, SESSION).then(|| digest(presented))
}

fn is_secret(presented: &str, prefix: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    presented
        .strip_prefix(prefix)
        .is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}

/// The database compares digests, so that how long it takes tells nothing of a secret.
fn digest(secret: &str) -> String {
    format!("{:x}", Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_secret_of_its_kind_is_one() {
        let (grant, session) = (ImpersonationSecret::of_grant(), ImpersonationSecret::of_session());
        assert_eq!(digest_of_grant(grant.expose()), Some(grant.digest()));
        assert_eq!(digest_of_session(session.expose()), Some(session.digest()));
        assert_eq!(digest_of_grant(session.expose()), None);
        assert_eq!(digest_of_session(grant.expose()), None);
        let good = grant.expose();
        for bad in [
            "",
            GRANT,
            &good.to_uppercase(),
            &format!("{good}0"),
            &format!(" {good}"),
            &good.replace(GRANT, ""),
            &format!("{GRANT}{}", "é".repeat(32)),
            &format!("{GRANT}{}", "g".repeat(64)),
        ] {
            assert_eq!(digest_of_grant(bad), None, "{bad}");
        }
        let (_, digits) = good.split_at(GRANT.len());
        assert!(!format!("{grant:?}").contains(digits));
    }
}

//! The key by which a creation of a tenant is known again.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use tenancy_core::enforce::Caller;
use tenancy_core::names::{Issuer, TenantId};

/// What distinguishes a repeated creation of a tenant from another caller's creation of the same id.
///
/// The caller that creates a tenant makes a key for it, and presents the same key when it retries: after a crash, a
/// time-out or a second click. The directory continues the creation whose key is equal, and refuses any other.
/// It is 1 to 255 visible ASCII characters, as in an `Idempotency-Key` field.
///
/// ```
/// use tenancy_sqlx::CreationKey;
///
/// let made = CreationKey::random();
/// assert_eq!(made.as_str().parse::<CreationKey>()?, made);
/// assert!("".parse::<CreationKey>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// A key is a secret between the one who creates and your service: with it and the id a creation answers with the
/// tenant's record. Use [`random`](Self::random), or what the one who signs up has proved to be, such as the issuer
/// and subject of their token ([`of_caller`](Self::of_caller)); never something that others can guess. `Debug` does not show it. The directory stores
/// a SHA-256 digest of it with the tenant's id, so a copy of the directory tells no key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CreationKey(Box<str>);

impl CreationKey {
    /// The greatest length of a key, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Makes a key that nobody can guess: 122 bits of the operating system's random numbers, in hexadecimal.
    ///
    /// Keep it where it outlives a crash until the creation is done, for example in the form that signs up.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }

    /// The key of a caller who signs up: of their subject and its issuer. Equal for the same caller, whatever else their
    /// credential says, and different for every other.
    ///
    /// With it a caller who creates a tenant again, by a second click or after a crash, gets the tenant that they have
    /// created, and one whom somebody else has created is refused.
    ///
    /// # Security
    ///
    /// Make it of the caller that enforcement has verified, and never accept the text of a key beside it: anyone who knows the
    /// subject and the issuer can compute it.
    #[must_use]
    pub fn of_caller(caller: &Caller) -> Self {
        let mut digest = Sha256::new();
        // A subject has no NUL.
        for part in [
            caller.subject().as_str(),
            "\0",
            caller.issuer().map_or("", Issuer::as_str),
        ] {
            digest.update(part);
        }
        Self(format!("{:x}", digest.finalize()).into())
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the directory stores. One key of two tenants does not look like one key.
    pub(crate) fn digest(&self, tenant: &TenantId) -> String {
        let mut digest = Sha256::new();
        // An id has no NUL.
        for part in [tenant.as_str(), "\0", self.as_str()] {
            digest.update(part);
        }
        format!("{:x}", digest.finalize())
    }
}

impl FromStr for CreationKey {
    type Err = ParseCreationKeyError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let has_length = (1..=Self::MAX_LEN).contains(&key.len());
        if has_length && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key.into()))
        } else {
            Err(ParseCreationKeyError(()))
        }
    }
}

impl fmt::Debug for CreationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CreationKey(..)")
    }
}

/// A text that is not a [`CreationKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCreationKeyError(());

impl fmt::Display for ParseCreationKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a creation key has 1 to {} visible ASCII characters",
            CreationKey::MAX_LEN
        )
    }
}

impl std::error::Error for ParseCreationKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_bounded() {
        let longest = "k".repeat(CreationKey::MAX_LEN);
        for key in ["k", "!~", "https://issuer.example|alice", &longest] {
            assert_eq!(key.parse::<CreationKey>().unwrap().as_str(), key);
        }
        let too_long = "k".repeat(CreationKey::MAX_LEN + 1);
        for key in ["", " ", "a b", "a\n", "a\0", "\u{7f}", "é", &too_long] {
            assert!(key.parse::<CreationKey>().is_err(), "{key:?}");
        }
    }

    #[test]
    fn random_keys_differ_and_are_keys() {
        let (one, other) = (CreationKey::random(), CreationKey::random());
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse::<CreationKey>().unwrap(), one);
        assert_eq!(format!("{one:?}"), "CreationKey(..)");
    }

    #[test]
    fn a_callers_key_is_of_the_subject_and_the_issuer() {
        use tenancy_core::names::Subject;
        let key =
            |subject: &str| CreationKey::of_caller(&Caller::dangerously_assume(subject.parse::<Subject>().unwrap()));
        // By `printf 'alice\0' | sha256sum`.
        let expected = "bfebef88e4b36874ee26f324129bd28f8cd0d04a683aa6b5f58a43b320bb7c5c";
        assert_eq!(key("alice").as_str(), expected);
        assert_ne!(key("alice"), key("bob"));
        // What no key may hold as it is.
        assert!(key("Žofie Nová").as_str().parse::<CreationKey>().is_ok());
    }

    /// The stored form must not change: half-made creations would not be known again.
    #[test]
    fn a_digest_is_of_the_key_and_the_tenant() {
        let key: CreationKey = "secret".parse().unwrap();
        let digest = |id: &str| key.digest(&id.parse().unwrap());
        // By `printf 'acme\0secret' | sha256sum`.
        let expected = "ab94d47bca902f3749fa4fc9813f0526a83985ad26fdecab4888169deadeda16";
        assert_eq!(digest("acme"), expected);
        assert_ne!(digest("acme"), digest("globex"));
    }
}

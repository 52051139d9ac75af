//! Sessions of impersonation: who is let into a tenant for a while without being its member.

use std::fmt::Write;

use serde::Deserialize;

/// What the secret of a session begins with.
pub const SESSION_PREFIX: &str = "tenancy-session-";

/// A grant of impersonation that was redeemed for a session, whose secret stands for `{session}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The id of the tenant that the actor is let into.
    pub tenant: String,
    /// Who is let in.
    pub actor: String,
    /// The member in whose place they are there. Default: they are there as themselves.
    pub subject: Option<String>,
    /// Default: `lasting`.
    #[serde(default)]
    pub state: SessionState,
}

/// Whether a session lasts when the request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// It is not over. Its tenant may be anything, also suspended or archived.
    #[default]
    Lasting,
    /// Its time is over.
    Expired,
    /// An operator has ended it.
    Ended,
}

impl Session {
    /// Who the request is of: the member in whose place the actor is there, or the actor.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.subject.as_deref().unwrap_or(&self.actor)
    }

    /// The secret of the session of a row: the same bytes on every server.
    #[must_use]
    pub fn secret(row: &str) -> String {
        let mut secret = SESSION_PREFIX.to_owned();
        for round in 0..4_u64 {
            let hash = row.bytes().fold(0xcbf2_9ce4_8422_2325 ^ round, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let _ = write!(secret, "{hash:016x}");
        }
        secret
    }
}

//! The rules about a request, as data: each [`Case`] is a request, and what must come of it.
//!
//! The core and every adapter run the same rows. An implementation is a closure from a case to what
//! was [`Observed`]; the [`Runner`] compares, and tells all rows that differ at once.
//!
//! ```
//! use tenancy_corpus::{Corpus, Expected, Observed, Answer, Runner};
//!
//! # fn main() -> Result<(), tenancy_corpus::CorpusError> {
//! let corpus = Corpus::load()?;
//! Runner::new(&corpus, 1)
//!     .with_filter(|case| case.name == "header-absent-is-no-match")
//!     .run(|case| {
//!         // Send `case.request` to a server that runs `case.config`, and tell what it answers.
//!         assert!(matches!(case.expect.answer, Expected::Refused { .. }));
//!         Observed::from(Answer::refused(401, "tenant_required"))
//!     });
//! # Ok(()) }
//! ```

mod case;
mod configuration;
mod consistency;
mod corpus;
mod expect;
mod http2;
mod index;
mod run;
mod session;
mod target;
mod vary;
mod wire;

pub use case::{Case, Claims, Request, Tokens, Version};
pub use configuration::{
    AUDIENCE, Configuration, ISSUER, KEY_ID, SECRET, STAFF_CLAIM, TENANT_CLAIM, TENANTS_CLAIM, Tenant,
};
pub use corpus::{Corpus, CorpusError};
pub use expect::{Expect, Expected};
pub use http2::{HostAs, Http2Request};
pub use index::{SECTIONS, index};
pub use run::{Answer, Observed, Runner};
pub use session::{SESSION_PREFIX, Session, SessionState};
pub use target::{Policy, Target};

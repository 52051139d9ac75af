//! The rules of tenant resolution, stated a second time.
//!
//! The core is written to allocate nothing and to read each byte once. This crate is written to be read: it splits
//! strings, collects vectors and asks one question after the other. It was written from the rules and not from the
//! core, so that the two agree only where both understood the rules alike.
//!
//! - [`Oracle`] answers a plain [`Case`]: a [`Configuration`], the tenants, a [`Mark`] and a [`Request`].
//! - [`generate()`] makes cases out of bytes, mostly ones at the edges.
//! - [`core`](mod@core) shows the same case to the core.
//! - [`Mutation`] makes the oracle wrong on purpose: a comparison that does not notice proves nothing.

mod case;
pub mod core;
mod generate;
mod mutation;
mod names;
mod oracle;
mod sources;

pub use case::{
    Answer, Case, Configuration, Credentials, Form, ForwardingField, Key, Mark, Membership, Request, Source, Status,
    Target, Tenant, Version,
};
pub use generate::{MARKER, generate};
pub use mutation::Mutation;
pub use names::{is_domain, is_external_id, is_id};
pub use oracle::Oracle;
pub use sources::bearer::{Bearer, bearer};
pub use sources::host::{Authority, authority};
pub use sources::path::{is_template, path};
pub use sources::{Read, Refusal};

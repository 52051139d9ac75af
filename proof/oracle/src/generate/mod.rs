//! Cases out of bytes: valid ones, and many that are off by one thing.

mod request;
mod text;
mod world;

use arbitrary::{Result, Unstructured};

use crate::{Case, Mark};

/// Stands in names, subjects and values of generated cases, and must never come back out of a refusal.
pub const MARKER: &str = "zqx7marker";

/// Makes a case. The same bytes make the same case.
///
/// # Errors
///
/// Where `bytes` cannot be drawn from.
pub fn generate(bytes: &mut Unstructured<'_>) -> Result<Case> {
    let configuration = world::configuration(bytes)?;
    let tenants = world::tenants(bytes)?;
    let mark = *bytes.choose(&[
        Mark::Scoped,
        Mark::Scoped,
        Mark::Public,
        Mark::Public,
        Mark::Optional,
        Mark::Optional,
        Mark::Authenticated,
    ])?;
    let meant = bytes.choose(&tenants)?.clone();
    let request = request::request(bytes, &configuration, &tenants, &meant)?;
    Ok(Case {
        configuration,
        tenants,
        mark,
        request,
    })
}

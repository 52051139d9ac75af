//! The built-in demo: two tenants, two users, and requests to paste for those who ask for them.

use std::net::SocketAddr;

use crate::Error;
use crate::config::Config;

/// A configuration for trying things out. Its secret is known to everyone who reads this.
pub(crate) const CONFIG: &str = r#"
[resolution]
resolvers = ["header", "jwt_claim", "subdomain", "path"]
header_name = "x-tenant-id"
jwt_claim = "tenant_id"
base_domain = "localhost"
path_template = "/api/v1/{tenant}"

[enforcement]
membership = "directory"

[jwt]
issuer = "https://issuer.notes.example"
audience = "notes"
[[jwt.keys]]
kid = "demo"
algorithm = "HS256"
secret = "this demo secret is public: never use it"

[[tenants]]
id = "acme"
name = "Acme Inc."
strategy = "row"
members = ["alice"]

[[tenants]]
id = "globex"
name = "Globex Corporation"
strategy = "database"
members = ["bob"]
"#;

const DAY: i64 = 24 * 60 * 60;

/// A request for each resolver, one that is refused for want of credentials, and one of a
/// stranger.
pub(crate) fn requests(config: &Config, address: SocketAddr) -> Result<String, Error> {
    let alice = config.sign("alice", None, DAY)?;
    let alice_at_acme = config.sign("alice", Some("acme"), DAY)?;
    let port = address.port();
    Ok(format!(
        r#"
Two tenants: `acme` (rows in a shared file; alice is a member) and `globex` (a file of its own; bob is).
The tokens hold for a day.

# by header
curl -i -H 'Authorization: Bearer {alice}' -H 'X-Tenant-ID: acme' http://{address}/whoami

# by the token's claim
curl -i -H 'Authorization: Bearer {alice_at_acme}' http://{address}/whoami

# by subdomain
curl -i -H 'Authorization: Bearer {alice}' http://acme.localhost:{port}/whoami

# by path
curl -i -H 'Authorization: Bearer {alice}' http://{address}/api/v1/acme/whoami

# refused with 401: no credentials
curl -i -H 'X-Tenant-ID: acme' http://{address}/whoami

# refused with 403: alice is no member of globex
curl -i -H 'Authorization: Bearer {alice}' -H 'X-Tenant-ID: globex' http://{address}/whoami

# a note of acme, which globex never sees
curl -i -H 'Authorization: Bearer {alice_at_acme}' -d '{{"body":"hello"}}' http://{address}/notes
curl -i -H 'Authorization: Bearer {alice_at_acme}' http://{address}/notes

More tokens: cargo run -p notes -- token --subject bob --tenant globex
"#
    ))
}

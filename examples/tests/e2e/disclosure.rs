//! `disclosure = "detailed"` tells the refusals apart.

use crate::answer::check;
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

/// 404 `unknown_tenant` (archived too), 403 `tenant_suspended`, `tenant_not_ready` (provisioning), `not_a_member`.
#[test]
fn detailed() {
    for server in Server::each(&Setup::new(&["header"]).enforcement(r#"disclosure = "detailed""#)) {
        for target in ["/whoami", "/notes", "/maybe"] {
            for (tenant, expected) in [
                ("nosuch", "404 unknown_tenant"),
                ("archived", "404 unknown_tenant"),
                ("suspended", "403 tenant_suspended"),
                ("provisioning", "403 tenant_not_ready"),
                ("globex", "403 not_a_member"),
            ] {
                let token = Token::of("alice").tenant("acme").sign();
                let request = Request::get(target).tenant(tenant);
                check(
                    &server,
                    &[
                        (request.clone().bearer(&token), expected),
                        // Whoever shows no credentials learns nothing.
                        (request, "401 credentials_required"),
                    ],
                );
            }
        }
    }
}

/// A public route tells nobody: there are no credentials to trust.
#[test]
fn public_routes_stay_uniform() {
    for server in Server::each(&Setup::new(&["header"]).enforcement(r#"disclosure = "detailed""#)) {
        for tenant in ["nosuch", "archived", "suspended", "provisioning"] {
            let request = Request::get("/portal").tenant(tenant);
            check(&server, &[(request, "404 not_found")]);
        }
    }
}

/// `uniform` by name is the default.
#[test]
fn uniform_by_name() {
    for server in Server::each(&Setup::new(&["header"]).enforcement(r#"disclosure = "uniform""#)) {
        let token = Token::of("alice").tenant("suspended").sign();
        let request = Request::get("/whoami").tenant("suspended").bearer(&token);
        check(&server, &[(request, "403 forbidden")]);
    }
}

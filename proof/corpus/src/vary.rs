//! What a response must say to caches, which follows from the configuration and the route.

use std::collections::BTreeSet;

use crate::{Configuration, Policy};

impl Configuration {
    /// The fields of `Vary` on a route, in lower case: each field that a configured resolver or the credential check
    /// may read, whether the request has it or not, and none on a central route.
    #[must_use]
    pub fn vary(&self, policy: Policy) -> BTreeSet<String> {
        let mut vary = BTreeSet::new();
        match policy {
            Policy::Central => return vary,
            Policy::Authenticated => {
                vary.insert(String::from("authorization"));
                return vary;
            }
            Policy::Scoped | Policy::Public | Policy::Optional => {}
        }
        for resolver in self.resolvers() {
            let field = match resolver {
                "header" => Some(self.resolution_text("header_name").unwrap_or("x-tenant-id")),
                "cookie" => Some("cookie"),
                "jwt_claim" => Some("authorization"),
                // `Host` is part of every cache's key, as the path and the query are.
                "subdomain" | "domain" => self.resolution_text("forwarded_header"),
                _ => None,
            };
            vary.extend(field.map(str::to_ascii_lowercase));
        }
        if policy != Policy::Public {
            vary.insert(String::from("authorization"));
        }
        vary
    }
}

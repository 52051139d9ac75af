//! Any text: reading it as configuration does not panic, and one that is accepted builds the resolvers that it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenancy_core::config::TenancyConfig;
use tenancy_core::enforce::Access;
use tenancy_core::request::{Credentials, HeaderList, HttpVersion, RequestView, Target};

fuzz_target!(|text: &str| {
    let config = match toml::from_str::<TenancyConfig>(text) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let enforcer = match config.enforcer() {
        Ok(enforcer) => enforcer,
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.contains(error.key()), "{shown}");
            return;
        }
    };
    let built: Vec<String> = enforcer.chain().names().map(|name| name.to_string()).collect();
    assert_eq!(built, config.resolution.resolvers);
    assert!(!built.is_empty());
    let fields = [
        ("host", b"acme.app.example.com".as_slice()),
        ("x-tenant-id", b"acme"),
        ("cookie", b"tenant=acme"),
    ];
    let headers = HeaderList::new(&fields);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::Path {
            authority: None,
            path: "/api/v1/acme",
            query: Some("tenant=acme"),
        },
        headers: &headers,
        credentials: Credentials::Absent,
    };
    for access in [Access::Scoped, Access::Optional, Access::Public] {
        let _ = enforcer.begin(&request, access, &mut None);
    }
});

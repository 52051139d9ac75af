use std::string::{String, ToString};

use super::*;

fn build(text: &str) -> Result<Vec<String>, String> {
    let config: TenancyConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    let enforcer = config.enforcer().map_err(|error| error.to_string())?;
    Ok(enforcer.chain().names().map(|name| name.to_string()).collect())
}

#[test]
fn every_setting_is_read() {
    let names = build(
        r#"
        version = 1
        [resolution]
        resolvers = ["cookie", "query", "path", "domain", "subdomain", "jwt_claim", "header"]
        base_domain = "App.Example.com."
        path_template = "/api/{tenant}"
        query_parameter = "tenant"
        cookie_name = "tenant"
        jwt_claim = ["org", "tenant"]
        forwarded_header = "forwarded"
        trusted_hops = 2
        reserved = ["www"]
        [enforcement]
        membership = "directory"
        tenants_claim = "tenants"
        disclosure = "detailed"
        "#,
    );
    assert_eq!(
        names.unwrap(),
        ["cookie", "query", "path", "domain", "subdomain", "jwt_claim", "header"]
    );
}

#[test]
fn errors_name_the_key_and_the_choices() {
    for (text, expected) in [
        ("", &["resolution.resolvers", "`header`"][..]),
        ("[resolution]\nresolvers = []", &["resolution.resolvers"]),
        (
            "[resolution]\nresolvers = [\"heder\"]",
            &["resolution.resolvers", "did you mean `header`?", "`cookie`"],
        ),
        (
            "[resolution]\nresolvers = [\"header\", \"header\"]",
            &["resolution.resolvers", "twice"],
        ),
        (
            "[resolution]\nresolvers = [\"subdomain\"]",
            &["resolution.base_domain", "`subdomain`"],
        ),
        ("[resolution]\nresolvers = [\"path\"]", &["resolution.path_template"]),
        ("[resolution]\nresolvers = [\"query\"]", &["resolution.query_parameter"]),
        ("[resolution]\nresolvers = [\"cookie\"]", &["resolution.cookie_name"]),
        (
            "[resolution]\nbase_domain = \"co.uk\"",
            &["resolution.base_domain", "public suffix"],
        ),
        (
            "[resolution]\nbase_domain = \"github.io\"",
            &["resolution.base_domain", "public suffix"],
        ),
        ("[resolution]\nbase_domain = \"127.0.0.1\"", &["resolution.base_domain"]),
        ("[resolution]\nbase_domain = \"a:80\"", &["resolution.base_domain"]),
        (
            "[resolution]\npath_template = \"/api\"",
            &["resolution.path_template", "{tenant}"],
        ),
        ("[resolution]\nheader_name = \"x y\"", &["resolution.header_name"]),
        ("[resolution]\nheader_name = \"Host\"", &["resolution.header_name"]),
        (
            "[resolution]\nheader_name = \"X-Original-Host\"",
            &["resolution.header_name"],
        ),
        ("[resolution]\njwt_claim = \"exp\"", &["resolution.jwt_claim", "`exp`"]),
        (
            "[resolution]\njwt_claim = [\"sub\", \"tenant\"]",
            &["resolution.jwt_claim", "`sub`"],
        ),
        (
            "[enforcement]\ntenants_claim = \"aud\"",
            &["enforcement.tenants_claim", "`aud`"],
        ),
        (
            "[enforcement]\ntenants_claim = \"tenant_id\"",
            &["enforcement.tenants_claim", "`resolution.jwt_claim`"],
        ),
        ("[resolution]\nquery_parameter = \"\"", &["resolution.query_parameter"]),
        ("[resolution]\nreserved = [\"WWW\"]", &["resolution.reserved", "`WWW`"]),
        (
            "[resolution]\nforwarded_header = \"forwarded\"",
            &["resolution.trusted_hops"],
        ),
        (
            "[resolution]\nforwarded_header = \"x-real-host\"",
            &["forwarded_header", "x-forwarded-host"],
        ),
        ("[resolution]\ntrusted_hops = 1", &["resolution.forwarded_header"]),
        (
            "[resolution]\nforwarded_header = \"forwarded\"\ntrusted_hops = 0",
            &["resolution.trusted_hops"],
        ),
        ("[resolution]\nheader_form = \"domain\"", &["header_form", "external"]),
        ("[resolution]\njwt_claim = []", &["resolution.jwt_claim"]),
        ("[resolution]\njwt_claim = 1", &["jwt_claim"]),
        (
            "[resolution]\nheader_nam = \"x\"",
            &["unknown key `header_nam`", "did you mean `header_name`?"],
        ),
        (
            "[enforcment]",
            &["unknown key `enforcment`", "did you mean `enforcement`?"],
        ),
        ("version = 2", &["`version`", "2", "expected 1"]),
        ("version = 0", &["`version`", "0", "expected 1"]),
        ("version = -1", &["`version`", "-1", "expected 1"]),
        ("version = \"1\"", &["version", "the number 1"]),
        ("version = 1.0", &["version", "the number 1"]),
        ("version = 1\nversion = 1", &["version"]),
        ("[enforcement]\nmembership = \"claims\"", &["membership", "`claim`"]),
    ] {
        let error = build(text).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{text:?}: {error} lacks {part}");
        }
    }
}

#[test]
fn unlisted_names_may_be_base_domains() {
    for name in ["localhost", "app.example.com", "example.co.uk", "internal"] {
        let text = format!("[resolution]\nresolvers = [\"subdomain\"]\nbase_domain = \"{name}\"");
        assert!(build(&text).is_ok(), "{name}");
    }
}

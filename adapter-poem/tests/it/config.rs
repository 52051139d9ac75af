//! The configuration is read without another crate of the project.
#![cfg(feature = "config")]

use tenancy_poem::{MembershipKind, TenancyConfig};

#[test]
fn a_configuration_is_read_by_the_adapter_alone() {
    let file = r#"
        version = 1
        [resolution]
        resolvers = ["subdomain", "header"]
        base_domain = "app.example.com"
        [enforcement]
        membership = "directory"
        staff_in_suspended_tenants = true
    "#;
    let config: TenancyConfig = toml::from_str(file).unwrap();
    assert_eq!(config.enforcement.membership, MembershipKind::Directory);
    assert!(config.enforcement.staff_in_suspended_tenants);
    assert_eq!(config.enforcer().unwrap().chain().names().count(), 2);
    let error = toml::from_str::<TenancyConfig>("[resolution]\nresolver = []").unwrap_err();
    assert!(error.to_string().contains("did you mean `resolvers`?"), "{error}");
}

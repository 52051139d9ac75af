//! Look-ups by each name, and members by their issuers.

use tenancy_core::directory::TenantEntry;
use tenancy_sqlx::{DirectoryDatabase, DirectoryEntry, SqlDirectory};

use super::{active, id, member, on_both};

async fn by_each_name<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = active("acme")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org|Acme".parse().unwrap())
        .with_domain("acme.net".parse().unwrap());
    directory.upsert(&acme).await.unwrap();
    // Its slug is the other's id: two key spaces.
    let shop = active("shop").with_slug("acme".parse().unwrap());
    directory.upsert(&shop).await.unwrap();

    let id_of = |found: Option<DirectoryEntry>| found.map(|entry| entry.record().id.to_string());
    for (slug, expected) in [("shop", Some("acme")), ("acme", Some("shop")), ("other", None)] {
        let found = directory.find_by_slug(&slug.parse().unwrap()).await.unwrap();
        assert_eq!(id_of(found).as_deref(), expected, "{slug}");
    }
    for (external, expected) in [("org|Acme", Some("acme")), ("org|acme", None)] {
        let found = directory.find_by_external_id(&external.parse().unwrap()).await.unwrap();
        assert_eq!(id_of(found).as_deref(), expected, "{external}");
    }
    for (domain, expected) in [("acme.net", Some("acme")), ("www.acme.net", None)] {
        let found = directory.find_by_domain(&domain.parse().unwrap()).await.unwrap();
        assert_eq!(id_of(found).as_deref(), expected, "{domain}");
    }
}

on_both!(a_tenant_is_found_by_each_of_its_names, super::by_each_name);

async fn by_issuer<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    let members = ["https://one", "https://two", ""].map(|issuer| member("alice", issuer, &[]));
    directory.upsert(&active("acme").with_members(members)).await.unwrap();
    let alice = "alice".parse().unwrap();

    // An issuer that somebody forgot to fill in ends nobody's membership.
    assert!(!directory.remove_member(&acme, &alice, Some("")).await.unwrap());
    assert!(
        !directory
            .remove_member(&acme, &alice, Some("https://three"))
            .await
            .unwrap()
    );
    assert!(directory.remove_member(&acme, &alice, None).await.unwrap());
    for (issuer, is_member) in [
        (Some("https://one"), true),
        (Some("https://two"), true),
        (Some("https://three"), false),
        (Some(""), false),
        (None, false),
    ] {
        assert_eq!(
            directory.is_member(&acme, &alice, issuer).await.unwrap(),
            is_member,
            "{issuer:?}"
        );
    }
    assert!(
        directory
            .remove_member(&acme, &alice, Some("https://one"))
            .await
            .unwrap()
    );
    assert!(
        !directory
            .remove_member(&acme, &alice, Some("https://one"))
            .await
            .unwrap()
    );
    assert!(!directory.is_member(&acme, &alice, Some("https://one")).await.unwrap());
    assert!(directory.is_member(&acme, &alice, Some("https://two")).await.unwrap());
    assert!(directory.remove_member_of_every_issuer(&acme, &alice).await.unwrap());
    assert!(!directory.is_member(&acme, &alice, Some("https://two")).await.unwrap());
}

on_both!(a_membership_is_ended_by_its_issuer, super::by_issuer);

//! Creations that are refused, and what they leave.

use crate::sqlite::creation::{acme, failing, mallorys, new};
use tenancy_core::directory::Member;
use tenancy_sqlx::{CreateError, CreationKey, NewTenant, ProvisionError, StrategyError, UpsertError};

#[tokio::test]
async fn what_cannot_be_provisioned_is_refused_before_the_id_is_taken() {
    let world = failing(0).await;
    let unknown = NewTenant::new("acme".parse().unwrap(), "schema".parse().unwrap());
    let refused = world.create(&unknown, "key").await;
    assert!(
        matches!(
            refused,
            Err(CreateError::Provision(ProvisionError::UnknownStrategy { .. }))
        ),
        "{refused:?}"
    );
    let refused = world.create(&new("no-canonical"), "key").await;
    assert!(
        matches!(
            refused,
            Err(CreateError::Provision(ProvisionError::Strategy {
                source: StrategyError::NotCanonical { .. },
                ..
            }))
        ),
        "{refused:?}"
    );
    assert!(world.directory.list().await.unwrap().is_empty());
    world.create(&new("acme"), "another").await.unwrap();
}

#[tokio::test]
async fn names_of_others_are_refused_before_anything_is_written() {
    let world = failing(0).await;
    world.create(&acme(), "alices").await.unwrap();
    let before = world.directory.list().await.unwrap();
    let other = || new("other").with_member("mallory".parse().unwrap());
    for (claim, name) in [
        (other().with_slug("shop".parse().unwrap()), "slug `shop`"),
        (
            other().with_external_id("org_1".parse().unwrap()),
            "external id `org_1`",
        ),
        (
            other().with_domain("acme.example".parse().unwrap()),
            "domain `acme.example`",
        ),
    ] {
        match world.create(&claim, "mallorys").await {
            Err(CreateError::Upsert(UpsertError::Conflict { key })) => assert_eq!(key.to_string(), name),
            refused => panic!("{refused:?}"),
        }
        assert_eq!(world.directory.list().await.unwrap(), before, "{name}");
    }
    for reserved in [new("www"), new("fine").with_slug("admin".parse().unwrap())] {
        let refused = world.create(&reserved, "mallorys").await;
        assert!(
            matches!(refused, Err(CreateError::Upsert(UpsertError::Reserved { .. }))),
            "{refused:?}"
        );
    }
    assert_eq!(world.directory.list().await.unwrap(), before);
    assert_eq!(world.script.count(), 1);
}

/// The error comes after the tenant's row is written.
#[tokio::test]
async fn a_creation_that_fails_in_the_midst_leaves_nothing() {
    let world = failing(0).await;
    let forgotten = Member::new("alice".parse().unwrap()).with_issuer("");
    let failed = world.create(&acme().with_member(forgotten), "alices").await;
    assert!(matches!(failed, Err(CreateError::Directory(_))), "{failed:?}");
    assert!(world.directory.list().await.unwrap().is_empty());
    world.create(&mallorys("acme"), "mallorys").await.unwrap();
}

#[tokio::test]
async fn the_directory_stores_no_key() {
    let world = failing(0).await;
    let key = CreationKey::random();
    world.directory.create(&world.db, &new("acme"), &key).await.unwrap();
    let file = world._dir.path().join("directory.sqlite");
    let content = ["", "-wal"].map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        std::fs::read(name).unwrap_or_default()
    });
    let key = key.as_str().as_bytes();
    assert!(!content.concat().windows(key.len()).any(|window| window == key));
}

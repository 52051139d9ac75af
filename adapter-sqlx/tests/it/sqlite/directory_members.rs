//! Members in the directory, and what enforcement makes of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use crate::sqlite::directory::{backdoor, open, tenant};
use tempfile::tempdir;
use tenancy_core::directory::{Member, Roles, TenantStatus};
use tenancy_core::enforce::{Access, Cause, Enforcer, Outcome, Rejection, drive};
use tenancy_core::names::Subject;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::{HeaderResolver, ResolverChain};
use tenancy_sqlx::{DirectoryError, LifecycleError, SqliteDirectory};

/// The tenant acme, whose member is alice.
async fn add_acme_with_alice(directory: &SqliteDirectory) {
    let acme = tenant("acme").with_member("alice".parse().unwrap());
    directory.upsert(&acme).await.unwrap();
}

#[tokio::test]
async fn members_come_and_go() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    directory.upsert(&tenant("acme")).await.unwrap();
    let (acme, alice): (_, Subject) = ("acme".parse().unwrap(), "alice".parse().unwrap());
    let member = Member::new(alice.clone());
    assert!(directory.add_member(&acme, &member).await.unwrap());
    assert!(!directory.add_member(&acme, &member).await.unwrap());
    assert!(directory.is_member(&acme, &alice, None).await.unwrap());
    assert!(
        !directory
            .is_member(&acme, &"Alice".parse().unwrap(), None)
            .await
            .unwrap()
    );
    assert!(directory.remove_member(&acme, &alice, None).await.unwrap());
    assert!(!directory.remove_member(&acme, &alice, None).await.unwrap());
    assert!(!directory.is_member(&acme, &alice, None).await.unwrap());
    let nobody = "nobody".parse().unwrap();
    let unknown = directory.add_member(&nobody, &member).await;
    assert!(
        matches!(unknown, Err(DirectoryError::UnknownTenant { .. })),
        "{unknown:?}"
    );
    let unknown = directory.set_status(&nobody, TenantStatus::Active).await;
    assert!(
        matches!(
            unknown,
            Err(LifecycleError::Directory(DirectoryError::UnknownTenant { .. }))
        ),
        "{unknown:?}"
    );
}

async fn enforce(directory: &SqliteDirectory, id: &str, subject: &str) -> Result<Outcome, Rejection> {
    enforce_for(directory, id, Claims::new(subject.parse().unwrap())).await
}

async fn enforce_for(directory: &SqliteDirectory, id: &str, claims: Claims) -> Result<Outcome, Rejection> {
    let resolver = HeaderResolver::new("x-tenant-id".parse().unwrap());
    let enforcer = Enforcer::new(ResolverChain::new().then(resolver).unwrap());
    let headers = [("x-tenant-id", id.as_bytes())];
    let headers = HeaderList::new(&headers);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Verified(&claims),
    };
    let mut key = None;
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    drive(step, directory, directory)
        .await
        .map_err(|refused| refused.rejection)
}

#[tokio::test]
async fn it_directs_and_authorizes() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    add_acme_with_alice(&directory).await;
    directory
        .upsert(&tenant("globex").with_member("bob".parse().unwrap()))
        .await
        .unwrap();
    let admitted = enforce(&directory, "acme", "alice").await.unwrap();
    assert!(matches!(admitted, Outcome::Admitted(acme) if *acme.id() == "acme"));
    for (id, subject) in [("acme", "bob"), ("globex", "alice"), ("nobody", "alice")] {
        assert_eq!(enforce(&directory, id, subject).await.unwrap_err().status(), 403);
    }
    directory
        .set_status(&"acme".parse().unwrap(), TenantStatus::Suspended)
        .await
        .unwrap();
    assert_eq!(enforce(&directory, "acme", "alice").await.unwrap_err().status(), 403);
    directory.close().await;
    let unavailable = enforce(&directory, "globex", "bob").await.unwrap_err();
    assert_eq!(unavailable.cause(), Cause::DirectoryUnavailable);
}

fn roles(names: &[&str]) -> Roles {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A subject is somebody together with its issuer, and has the roles of that membership.
#[tokio::test]
async fn members_have_issuers_and_roles() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let member = |subject: &str| Member::new(subject.parse().unwrap());
    let acme = tenant("acme")
        .with_member(
            member("alice")
                .with_issuer("https://one")
                .with_roles(roles(&["editor", "billing, eu"])),
        )
        .with_member(member("both").with_issuer("https://one").with_roles(roles(&["editor"])))
        .with_member(member("both").with_roles(roles(&["reader"])))
        .with_member(member("any"));
    directory.upsert(&acme).await.unwrap();
    for (subject, issuer, expected) in [
        ("alice", Some("https://one"), Some(&["editor", "billing, eu"][..])),
        ("alice", Some("https://two"), None),
        ("alice", None, None),
        ("any", Some("https://two"), Some(&[])),
        ("any", None, Some(&[])),
        ("both", Some("https://one"), Some(&["reader", "editor"])),
        ("both", Some("https://two"), Some(&["reader"])),
        ("nobody", Some("https://one"), None),
    ] {
        let claims = Claims::new(subject.parse().unwrap());
        let claims = issuer.map_or(claims.clone(), |issuer| claims.with_issuer(issuer));
        let found = match enforce_for(&directory, "acme", claims).await {
            Ok(Outcome::Admitted(admitted)) => Some(admitted.roles().clone()),
            _ => None,
        };
        assert_eq!(found, expected.map(roles), "{subject} by {issuer:?}");
    }

    // An issuer that somebody forgot to fill in must not become any issuer.
    let forgotten = member("mallory").with_issuer("");
    assert!(
        directory
            .add_member(&"acme".parse().unwrap(), &forgotten)
            .await
            .is_err()
    );
    assert!(directory.upsert(&tenant("acme").with_member(forgotten)).await.is_err());
    assert!(enforce(&directory, "acme", "mallory").await.is_err());

    // The newest roles are the roles.
    let id = "acme".parse().unwrap();
    assert!(
        directory
            .add_member(&id, &member("any").with_roles(roles(&["owner"])))
            .await
            .unwrap()
    );
    assert!(
        !directory
            .add_member(&id, &member("any").with_roles(roles(&["owner"])))
            .await
            .unwrap()
    );
    let Ok(Outcome::Admitted(any)) = enforce(&directory, "acme", "any").await else {
        panic!("a member");
    };
    assert_eq!(*any.roles(), roles(&["owner"]));
    let both = "both".parse().unwrap();
    assert!(directory.remove_member_of_every_issuer(&id, &both).await.unwrap());
    assert!(enforce(&directory, "acme", "both").await.is_err(), "of every issuer");
}

/// A directory of the first version keeps its members.
#[tokio::test]
async fn members_outlive_a_new_version() {
    let dir = tempdir().unwrap();
    open(&dir)
        .await
        .upsert(&tenant("acme").with_member("alice".parse().unwrap()))
        .await
        .unwrap();
    let backdoor = backdoor(&dir).await;
    for step_back in [
        "create table first (tenant text not null references tenancy_tenants (id), subject text not null,
           primary key (tenant, subject)) without rowid",
        "insert into first select tenant, subject from tenancy_members",
        "drop table tenancy_members",
        "alter table first rename to tenancy_members",
        "delete from _tenancy_migrations where version = 2",
    ] {
        sqlx::query(step_back).execute(&backdoor).await.unwrap();
    }
    let directory = open(&dir).await;
    assert!(enforce(&directory, "acme", "alice").await.is_ok());
    assert!(enforce(&directory, "acme", "bob").await.is_err());
}

#[tokio::test]
async fn a_corrupt_row_is_an_error_and_not_a_miss() {
    for broken in [
        "update tenancy_tenants set slug = 'UPPER'",
        "update tenancy_tenants set external_id = ''",
        "update tenancy_tenants set external_id = 'a b'",
        "update tenancy_tenants set status = 'Active'",
        "update tenancy_tenants set strategy = ''",
        "update tenancy_tenants set strategy = x'ff'",
        "insert into tenancy_domains values ('not a domain', 'acme')",
        "insert into tenancy_domains values ('', 'acme')",
        "update tenancy_members set roles = 'editor' || char(10) || char(10)",
    ] {
        let dir = tempdir().unwrap();
        let directory = open(&dir).await;
        add_acme_with_alice(&directory).await;
        sqlx::query(broken).execute(&backdoor(&dir).await).await.unwrap();
        let found = directory.find_by_id(&"acme".parse().unwrap()).await;
        assert_eq!(found.is_err(), !broken.contains("members"), "{broken}: {found:?}");
        let refused = enforce(&directory, "acme", "alice").await.unwrap_err();
        assert_eq!(refused.status(), 503, "{broken}");
    }
}

//! The tenants that a caller may enter.

use std::num::NonZeroU16;

use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_sqlx::{DirectoryDatabase, PageRequest, SqlDirectory};

use super::{active, caller_of, id, member, on_both};

/// `id: role, role`, of all pages.
async fn seen<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, caller: &Claims, limit: u16) -> Vec<String> {
    let mut seen = Vec::new();
    let mut next = Some(PageRequest::first().with_limit(NonZeroU16::new(limit).unwrap()));
    while let Some(request) = next {
        let page = directory.tenants_of(&caller_of(caller), &request).await.unwrap();
        let is_last = page.next.is_none();
        assert!(page.items.len() == usize::from(limit) || is_last, "a page has a gap");
        assert!(page.items.len() <= usize::from(limit));
        for one in &page.items {
            let roles: Vec<&str> = one.roles.iter().map(|role| role.as_str()).collect();
            seen.push(format!("{}: {}", one.tenant.record().id, roles.join(", ")));
        }
        next = page.next;
    }
    seen
}

fn caller(subject: &str, issuer: Option<&'static str>) -> Claims {
    let claims = Claims::new(subject.parse().unwrap());
    issuer.map_or(claims.clone(), |issuer| claims.with_issuer(issuer))
}

async fn by_issuer<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let (one, two) = ("https://one", "https://two");
    for (tenant, members) in [
        ("a", vec![member("alice", one, &["editor"])]),
        ("b", vec![member("alice", two, &["editor"])]),
        ("c", vec![member("alice", "", &["reader"])]),
        (
            "d",
            vec![member("alice", one, &["editor"]), member("alice", "", &["reader"])],
        ),
        ("e", vec![member("bob", one, &[]), member("alicia", "", &[])]),
        ("f", vec![member("alice", one, &[])]),
        ("g", vec![member("alice", "", &[])]),
        ("suspended", vec![member("alice", one, &[])]),
        ("archived", vec![member("alice", "", &[])]),
    ] {
        directory.upsert(&active(tenant).with_members(members)).await.unwrap();
    }
    for (tenant, status) in [
        ("suspended", TenantStatus::Suspended),
        ("archived", TenantStatus::Archived),
    ] {
        assert!(directory.set_status(&id(tenant), status).await.unwrap());
    }
    for limit in [1, 2, 3, 4, 5, 100] {
        for (caller, expected) in [
            (
                caller("alice", Some(one)),
                &["a: editor", "c: reader", "d: reader, editor", "f: ", "g: "][..],
            ),
            (
                caller("alice", Some(two)),
                &["b: editor", "c: reader", "d: reader", "g: "],
            ),
            (
                caller("alice", Some("https://three")),
                &["c: reader", "d: reader", "g: "],
            ),
            // Neither a missing issuer nor an empty one is any of those that are named.
            (caller("alice", None), &["c: reader", "d: reader", "g: "]),
            (caller("alice", Some("")), &["c: reader", "d: reader", "g: "]),
            (caller("bob", Some(one)), &["e: "]),
            (caller("bob", Some(two)), &[]),
            (caller("Alice", Some(one)), &[]),
        ] {
            assert_eq!(
                seen(directory, &caller, limit).await,
                expected,
                "{caller:?}, {limit} a page"
            );
        }
        // An issuer that is bound to tenants speaks for no other, whatever the directory says of its subjects.
        let bound: std::sync::Arc<[TenantKey]> = [TenantKey::Id(id("c")), TenantKey::Id(id("f"))].into();
        let caller = caller("alice", Some(one)).with_issuer_tenants(bound);
        assert_eq!(
            seen(directory, &caller, limit).await,
            ["c: reader", "f: "],
            "{limit} a page"
        );
        let nowhere = caller.with_issuer_tenants([].into());
        assert_eq!(seen(directory, &nowhere, limit).await, [""; 0], "{limit} a page");
    }
}

on_both!(a_caller_sees_the_tenants_of_its_subject_by_its_issuer, super::by_issuer);

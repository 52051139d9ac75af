//! Tenants and members, page by page.

use std::num::NonZeroU16;

use tenancy_core::directory::{Member, TenantEntry, TenantStatus};
use tenancy_core::names::TenantId;
use tenancy_sqlx::{Count, DirectoryDatabase, PageRequest, SqlDirectory};

use super::{active, id, member, on_both};

fn of<K>(limit: u16) -> PageRequest<K> {
    PageRequest::first().with_limit(NonZeroU16::new(limit).unwrap())
}

/// The ids on each page, until there are no more.
async fn ids<DB: DirectoryDatabase>(
    directory: &SqlDirectory<DB>,
    status: Option<TenantStatus>,
    first: PageRequest<TenantId>,
) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(first);
    while let Some(request) = next {
        let page = match status {
            Some(status) => directory.page_with_status(status, &request).await.unwrap(),
            None => directory.page(&request).await.unwrap(),
        };
        pages.push(page.items.iter().map(|entry| entry.record().id.to_string()).collect());
        next = page.next;
    }
    pages
}

async fn tenants<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    assert_eq!(ids(directory, None, of(2)).await, [[""; 0]]);
    // By bytes, whatever the database's collation: digits, `-`, `_`, letters.
    for name in ["b", "a_c", "a-b", "ab", "0"] {
        directory.upsert(&active(name)).await.unwrap();
    }
    assert_eq!(ids(directory, None, of(5)).await, [["0", "a-b", "a_c", "ab", "b"]]);
    let pages = ids(directory, None, of(2)).await;
    assert_eq!(pages, [vec!["0", "a-b"], vec!["a_c", "ab"], vec!["b"]]);

    for suspended in ["a-b", "b"] {
        let suspended = id(suspended);
        assert!(directory.set_status(&suspended, TenantStatus::Suspended).await.unwrap());
    }
    let some = |status| ids(directory, Some(status), of(1));
    assert_eq!(some(TenantStatus::Active).await, [["0"], ["a_c"], ["ab"]]);
    assert_eq!(some(TenantStatus::Suspended).await, [["a-b"], ["b"]]);
    assert_eq!(some(TenantStatus::Archived).await, [[""; 0]]);

    // A key that is no tenant's any more still has a place.
    let behind = PageRequest::after(id("a-c"));
    assert_eq!(ids(directory, None, behind).await, [["a_c", "ab", "b"]]);

    for (limit, active, suspended) in [
        (0, Count::MoreThan(0), Count::MoreThan(0)),
        (2, Count::MoreThan(2), Count::Exactly(2)),
        (3, Count::Exactly(3), Count::Exactly(2)),
        (u32::MAX, Count::Exactly(3), Count::Exactly(2)),
    ] {
        assert_eq!(directory.count(TenantStatus::Active, limit).await.unwrap(), active);
        assert_eq!(
            directory.count(TenantStatus::Suspended, limit).await.unwrap(),
            suspended
        );
        let none = directory.count(TenantStatus::Archived, limit).await.unwrap();
        assert_eq!(none, Count::Exactly(0));
    }
}

on_both!(tenants_are_read_page_by_page, super::tenants);

async fn members<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    let expected = [
        member("alice", "", &["reader"]),
        member("alice", "https://one", &["editor", "billing, eu"]),
        member("alice", "https://two", &[]),
        member("böb, \u{1f980}", "", &[]),
    ];
    directory
        .upsert(&active("acme").with_members(expected.clone()))
        .await
        .unwrap();
    directory
        .upsert(&active("globex").with_member(member("mallory", "", &[])))
        .await
        .unwrap();

    for limit in 1..=5 {
        let mut seen: Vec<Member> = Vec::new();
        let mut next = Some(of(limit));
        while let Some(request) = next {
            let page = directory.members(&acme, &request).await.unwrap();
            assert!(page.items.len() <= usize::from(limit));
            seen.extend(page.items);
            next = page.next;
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
    let nobody = directory.members(&id("nobody"), &PageRequest::first()).await.unwrap();
    assert!(nobody.items.is_empty() && nobody.next.is_none());
    assert_eq!(directory.count_members(&acme, 3).await.unwrap(), Count::MoreThan(3));
    assert_eq!(directory.count_members(&acme, 4).await.unwrap(), Count::Exactly(4));
    assert_eq!(
        directory.count_members(&id("nobody"), 4).await.unwrap(),
        Count::Exactly(0)
    );
}

on_both!(members_are_read_page_by_page, super::members);

#[test]
fn a_limit_out_of_a_request_cannot_ask_for_everything() {
    assert_eq!(of::<TenantId>(u16::MAX).limit().get(), 1000);
    assert_eq!(PageRequest::<TenantId>::first().limit().get(), 100);
}

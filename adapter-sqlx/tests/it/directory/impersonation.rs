//! Grants of impersonation: made, redeemed once, and ended.

use std::time::{Duration, Instant};

use tenancy_core::directory::{Impersonations, Member, TenantRecord, TenantStatus};
use tenancy_core::names::{GrantId, Subject, TenantKey};
use tenancy_core::request::{Actor, Claims, VerifiedClaims};
use tenancy_sqlx::{
    Attribution, DirectoryDatabase, DirectoryError, GrantedImpersonation, ImpersonateError, ImpersonationSession,
    NewImpersonation, Reason, SqlDirectory, TenantDb, TenantEvent,
};

use super::{active, id, member, on_both};

fn support() -> Subject {
    Subject::from_static("support:carol")
}

fn new(tenant: &str) -> NewImpersonation {
    NewImpersonation::new(id(tenant), support(), "ticket 4711".parse().unwrap())
}

async fn grant<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, tenant: &str) -> GrantedImpersonation {
    directory.impersonate(&new(tenant)).await.unwrap()
}

async fn redeem<DB: DirectoryDatabase>(
    directory: &SqlDirectory<DB>,
    grant: &GrantedImpersonation,
) -> Option<ImpersonationSession> {
    directory.redeem_impersonation(grant.secret.expose()).await.unwrap()
}

async fn claims<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, session: &ImpersonationSession) -> Option<Claims> {
    directory.session(session.secret.expose()).await.unwrap()
}

/// The events of impersonation, in one line each: kind, before, after, who and why. The grant's id is its number among those.
async fn events<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, grants: &[&GrantId]) -> Vec<String> {
    let events = directory.events(0, 1_000.try_into().unwrap()).await.unwrap();
    let name = |text: &Option<String>| {
        let mut text = text.clone().unwrap_or_default().replace('\n', "+");
        for (number, grant) in grants.iter().enumerate() {
            text = text.replace(grant.as_str(), &format!("#{number}"));
        }
        text
    };
    let line = |event: &TenantEvent| {
        let member = event.member.as_ref().map_or("", |member| member.subject.as_str());
        let reason = event.reason.as_deref().unwrap_or_default();
        let (before, after) = (name(&event.before), name(&event.after));
        format!("{} {before}>{after} {member} by {} ({reason})", event.kind, event.actor)
    };
    let of_it = |event: &&TenantEvent| event.kind.as_str().starts_with("impersonation.");
    events.iter().filter(of_it).map(line).collect()
}

async fn one_of_many_redeems<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let directory = directory.by("ops:olga".parse().unwrap());
    let granted = grant(&directory, "acme").await;
    let seconds = granted
        .expires_at
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let redeeming = (0..8).map(|_| redeem(&directory, &granted));
    let redeemed = futures_util::future::join_all(redeeming).await;
    let sessions: Vec<_> = redeemed.into_iter().flatten().collect();
    let [session] = sessions.as_slice() else {
        panic!("{} sessions of one grant", sessions.len())
    };
    assert_eq!(
        (&session.impersonation.id, session.impersonation.expires_at),
        (&granted.id, granted.expires_at)
    );
    assert!(redeem(&directory, &granted).await.is_none(), "it is redeemed once");

    let claims = claims(&directory, session).await.unwrap();
    assert_eq!(
        (claims.subject(), claims.issuer(), claims.expires_at()),
        (&support(), None, Some(seconds))
    );
    assert_eq!(claims.tenant(), Some(&TenantKey::Id(id("acme"))));
    assert_eq!(
        claims.actor(),
        Some(&Actor::new(support()).with_grant(granted.id.clone()))
    );
    for (tenant, expected) in [("acme", true), ("globex", false)] {
        let record = TenantRecord::new(id(tenant), "row".parse().unwrap());
        assert_eq!(claims.may_speak_for(&record), expected, "{tenant}");
    }
    assert!(directory.lasts(&granted.id).await.unwrap());
    assert_eq!(
        events(&directory, &[&granted.id]).await,
        [
            format!("impersonation.granted >#0+support:carol+{seconds}  by ops:olga (ticket 4711)"),
            "impersonation.started >#0  by support:carol (ticket 4711)".to_owned(),
        ]
    );
    let listed = directory.impersonations().await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&session.impersonation));
    for secret in [&granted.secret, &session.secret] {
        let all = format!(
            "{listed:?} {granted:?} {session:?} {:?}",
            directory.events(0, 99.try_into().unwrap()).await
        );
        assert!(!all.contains(secret.expose()), "a secret is shown");
    }
}
on_both!(a_grant_is_redeemed_once, super::one_of_many_redeems);

async fn nothing_else_redeems<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let granted = grant(directory, "acme").await;
    assert!(!directory.lasts(&granted.id).await.unwrap(), "nobody has redeemed it");
    let secret = granted.secret.expose();
    let (start, end) = secret.split_at(secret.len() - 1);
    let other_end = if end == "0" { "1" } else { "0" };
    let as_session = secret.replace("grant", "session");
    for presented in [
        "",
        granted.id.as_str(),
        &as_session,
        &format!("{start}{other_end}"),
        &format!("{secret} "),
        "\0",
    ] {
        assert!(
            directory.redeem_impersonation(presented).await.unwrap().is_none(),
            "{presented:?}"
        );
        assert!(directory.session(presented).await.unwrap().is_none(), "{presented:?}");
    }
    let session = redeem(directory, &granted).await.unwrap();
    assert!(
        directory
            .redeem_impersonation(session.secret.expose())
            .await
            .unwrap()
            .is_none()
    );
    assert!(directory.session(secret).await.unwrap().is_none());
    assert!(claims(directory, &session).await.is_some());
}
on_both!(what_is_no_secret_opens_nothing, super::nothing_else_redeems);

async fn a_tenant_that_is_not_active_is_closed<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    directory.upsert(&active("acme")).await.unwrap();
    let (used, unused) = (grant(directory, "acme").await, grant(directory, "acme").await);
    let session = redeem(directory, &used).await.unwrap();

    directory.suspend(&acme).await.unwrap();
    let refused = directory.impersonate(&new("acme")).await.unwrap_err();
    assert!(matches!(refused, ImpersonateError::NotActive { .. }), "{refused}");
    assert!(redeem(directory, &unused).await.is_none());
    assert!(claims(directory, &session).await.is_none());
    assert!(!directory.lasts(&used.id).await.unwrap());
    directory.activate(&acme).await.unwrap();
    assert!(claims(directory, &session).await.is_some());

    directory.archive(&acme).await.unwrap();
    directory.restore(&acme).await.unwrap();
    directory.activate(&acme).await.unwrap();
    assert!(
        redeem(directory, &unused).await.is_none(),
        "archiving has ended the grant"
    );
    assert!(claims(directory, &session).await.is_none(), "and the session");
    let mut ended = events(directory, &[&used.id, &unused.id]).await.split_off(3);
    ended.sort_unstable();
    assert_eq!(
        ended,
        [
            "impersonation.ended #0>archived  by application ()",
            "impersonation.ended #1>archived  by application ()",
        ]
    );

    // Where an application puts it there as archived, too.
    let third = grant(directory, "acme").await;
    directory
        .upsert(&active("acme").with_status(TenantStatus::Archived))
        .await
        .unwrap();
    assert!(directory.impersonations().await.unwrap().is_empty());
    assert!(directory.remove(&acme).await.unwrap());
    assert!(redeem(directory, &third).await.is_none());
    let unknown = directory.impersonate(&new("acme")).await.unwrap_err();
    let is_unknown = matches!(
        &unknown,
        ImpersonateError::Directory(DirectoryError::UnknownTenant { .. })
    );
    assert!(is_unknown, "{unknown}");
}
on_both!(
    only_an_active_tenant_is_entered,
    super::a_tenant_that_is_not_active_is_closed
);

async fn it_ends<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let (used, unused) = (grant(directory, "acme").await, grant(directory, "acme").await);
    let session = redeem(directory, &used).await.unwrap();
    let reason: Reason = "done".parse().unwrap();
    let olga = directory.by(Attribution::new("ops:olga".parse().unwrap()).with_reason(reason));
    for grant in [&used, &unused] {
        assert!(olga.end_impersonation(&grant.id).await.unwrap());
        assert!(!olga.end_impersonation(&grant.id).await.unwrap(), "it has ended");
    }
    assert!(claims(directory, &session).await.is_none());
    assert!(!directory.lasts(&used.id).await.unwrap());
    assert!(redeem(directory, &unused).await.is_none());
    assert_eq!(
        events(directory, &[&used.id, &unused.id]).await.split_off(3),
        [
            "impersonation.ended #0>ended  by ops:olga (done)",
            "impersonation.ended #1>ended  by ops:olga (done)",
        ]
    );
}
on_both!(an_operator_ends_it, super::it_ends);

async fn it_expires<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let short = new("acme").lasting(Duration::from_secs(2));
    let used = directory.impersonate(&short).await.unwrap();
    let session = redeem(directory, &used).await.unwrap();
    let unused = directory.impersonate(&short).await.unwrap();
    let longer = grant(directory, "acme").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while directory.lasts(&used.id).await.unwrap() {
        assert!(Instant::now() < deadline, "it does not expire");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(claims(directory, &session).await.is_none());
    while directory.impersonations().await.unwrap().len() > 1 {
        assert!(Instant::now() < deadline, "it does not expire");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(redeem(directory, &unused).await.is_none());
    assert_eq!(directory.sweep_impersonations().await.unwrap(), 2);
    let mut ended = events(directory, &[&used.id, &unused.id]).await;
    ended.retain(|event| event.starts_with("impersonation.ended"));
    ended.sort_unstable();
    assert_eq!(
        ended,
        [
            "impersonation.ended #0>expired  by support:carol (ticket 4711)",
            "impersonation.ended #1>unused  by support:carol (ticket 4711)",
        ]
    );
    assert_eq!(directory.sweep_impersonations().await.unwrap(), 0);
    assert!(redeem(directory, &longer).await.is_some(), "what lasts is not swept");
}
on_both!(it_expires_by_the_databases_clock, super::it_expires);

async fn a_member_is_impersonated<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let issuer = "https://idp.example";
    let acme = active("acme").with_members([member("alice", issuer, &["editor"]), member("bob", "", &[])]);
    directory.upsert(&acme).await.unwrap();
    directory
        .upsert(&active("globex").with_member(member("alice", issuer, &[])))
        .await
        .unwrap();
    for (subject, by, is_member) in [
        ("alice", issuer, true),
        ("alice", "", false),
        ("alice", "https://other.example", false),
        ("bob", "", true),
        ("bob", issuer, true),
        ("eve", "", false),
    ] {
        let member: Member = member(subject, by, &["owner"]);
        match directory.impersonate(&new("acme").in_place_of(member)).await {
            Ok(granted) => {
                assert!(is_member, "{subject} of {by}");
                let session = redeem(directory, &granted).await.unwrap();
                let claims = claims(directory, &session).await.unwrap();
                assert_eq!(claims.subject().as_str(), subject);
                assert_eq!(claims.issuer().unwrap_or_default(), by);
                assert_eq!(claims.actor().unwrap().subject(), &support());
                let globex = TenantRecord::new(id("globex"), "row".parse().unwrap());
                assert!(!claims.may_speak_for(&globex), "alice is a member there, too");
            }
            Err(refused) => {
                assert!(!is_member, "{subject} of {by}: {refused}");
                assert!(matches!(refused, ImpersonateError::NotAMember { .. }), "{refused}");
            }
        }
    }
}
on_both!(in_place_of_a_member, super::a_member_is_impersonated);

async fn lifetimes<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    for (lifetime, is_possible) in [
        (Duration::ZERO, false),
        (Duration::from_millis(999), false),
        (Duration::from_secs(1), true),
        (NewImpersonation::MAX_LIFETIME, true),
        (NewImpersonation::MAX_LIFETIME + Duration::from_nanos(1), false),
        (Duration::MAX, false),
    ] {
        let made = directory.impersonate(&new("acme").lasting(lifetime)).await;
        match made {
            Ok(_) => assert!(is_possible, "{lifetime:?}"),
            Err(ImpersonateError::Lifetime { .. }) => assert!(!is_possible, "{lifetime:?}"),
            Err(error) => panic!("{error}"),
        }
    }
}
on_both!(it_is_short, super::lifetimes);

#[test]
fn who_and_why_are_one_line_of_a_log() {
    for bad in ["", "a\nb", "a\0", "\u{7f}", "\u{9b}31m", &"x".repeat(256)] {
        assert!(bad.parse::<Subject>().is_err(), "{bad:?}");
    }
    for bad in ["", " ", "\u{a0}\u{2003}", "a\r\nb", &"x".repeat(1_001)] {
        assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
    }
    for good in ["Ada Łovelace", "支持"] {
        assert!(
            good.parse::<Subject>().is_ok() && good.parse::<Reason>().is_ok(),
            "{good}"
        );
    }
}

/// The removal of a tenant by its jobs leaves no grant.
#[tokio::test]
async fn an_erased_tenant_has_no_grants() {
    let folder = tempfile::tempdir().unwrap();
    let directory = super::sqlite(&folder).await;
    let db: TenantDb<sqlx::Sqlite> = crate::common::row_db(&folder).await;
    directory.upsert(&active("acme")).await.unwrap();
    let granted = grant(&directory, "acme").await;
    directory.archive(&id("acme")).await.unwrap();
    assert!(directory.delete(&db, &id("acme"), Duration::ZERO).await.unwrap());
    assert!(redeem(&directory, &granted).await.is_none());
    assert!(directory.impersonations().await.unwrap().is_empty());
}

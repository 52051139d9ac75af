//! A process that serves, with a cache of 60 seconds.

use std::fmt::Debug;
use std::time::Duration;

use sqlx::{Postgres, Sqlite};
use tenancy::cache::{CacheLimits, CachedDirectory};
use tenancy::directory::{Directory as _, TenantEntry as _, TenantStatus};
use tenancy::enforce::Admitted;
use tenancy::names::{ResolverName, Subject, TenantKey};
use tenancy::{Data, Open, OpenDatabase};
use tenancy_sqlx::{FenceRefusal, StrategyError, TransactionError};

use super::fence;
use crate::support::Service;

fn refusal<T: Debug>(begun: Result<T, TransactionError>) -> FenceRefusal {
    match begun {
        Err(TransactionError::Begin {
            source: StrategyError::Fenced(refusal),
            ..
        }) => refusal,
        other => panic!("a refusal of the fence is expected: {other:?}"),
    }
}

async fn refuses_at_once<DB: OpenDatabase>(service: &Service, open: Open<DB>) {
    let data: Data<DB> = open.without_http().serving_only().await.unwrap();
    let limits = CacheLimits::new().with_time_to_live(Duration::from_secs(60));
    let cached = CachedDirectory::builder(data.directory.clone())
        .with_limits(limits)
        .build();
    for strategy in service.strategies {
        let id = &*format!("acme-{strategy}");
        let key = TenantKey::Id(id.parse().unwrap());
        let subject: Subject = "alice".parse().unwrap();
        let admitted = async || {
            let entry = cached.find(&key).await.unwrap().unwrap();
            assert_eq!(entry.record().status, TenantStatus::Active, "it is what the cache has");
            Admitted::dangerously_assume(entry.handle(), ResolverName::from_static("header"), subject.clone())
        };
        data.db
            .begin(&admitted().await)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
        service.run(["tenant", "suspend", id]).ended(0);
        assert_eq!(
            refusal(data.db.begin(&admitted().await).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        assert_eq!(
            refusal(data.db.begin_read(&admitted().await).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        service.run(["tenant", "activate", id]).ended(0);
        data.db
            .begin(&admitted().await)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
    }
    data.close().await;
}

#[test]
fn sqlite() {
    let service = Service::sqlite();
    fence(&service);
    let open = tenancy::open::<Sqlite>(service.folder().join("tenancy.toml"));
    service.runtime.block_on(refuses_at_once(&service, open));
}

#[test]
fn postgres() {
    let service = Service::postgres();
    fence(&service);
    let database = service.database.as_ref().unwrap();
    let open = tenancy::open::<Postgres>(service.folder().join("tenancy.toml"))
        .with_variable("APP_URL", database.application_url())
        .with_variable("ADMIN_URL", database.administrator_url());
    service.runtime.block_on(refuses_at_once(&service, open));
}

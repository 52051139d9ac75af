//! The name that a tenant's transaction gave to the pooler's connection is none of the next client's.

use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use crate::application_name::{every_strategy, until_none};
use crate::support::server::{TestDatabase, tenant_of};

/// What the client's session is called, as the server says.
async fn own_name(client: &mut PgConnection) -> String {
    let row = sqlx::raw_sql("show application_name").fetch_one(client).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn no_name_is_left_for_the_next_client() {
    let database = TestDatabase::new().await;
    let mut watching = database.connect().await;
    let db = every_strategy(&database, true).await;
    let named = database.application().application_name("next");
    let unnamed = database.application();
    for strategy in ["row", "schema"] {
        let tenant = tenant_of("acme", strategy);
        db.provision(tenant.tenant()).await.unwrap();
        // One that was there before, and has a name of its own.
        let mut before = named.connect().await.unwrap();
        assert_eq!(own_name(&mut before).await, "next");
        for ends in ["commit", "rollback", "drop", "error"] {
            let mut tx = db.begin(&tenant).await.unwrap();
            let during = sqlx::raw_sql("show application_name")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            assert_eq!(during.get::<String, _>(0), "tenancy:acme", "{strategy} {ends}");
            match ends {
                "commit" => tx.commit().await.unwrap(),
                "rollback" => tx.rollback().await.unwrap(),
                "drop" => drop(tx),
                _ => {
                    let failed = sqlx::raw_sql("select 1 / 0").execute(&mut *tx).await;
                    assert!(failed.is_err(), "{strategy}");
                    drop(tx);
                }
            }
            until_none(&mut watching, &database).await;
            assert_eq!(own_name(&mut before).await, "next", "{strategy} {ends}");
            let mut after = unnamed.connect().await.unwrap();
            assert!(!own_name(&mut after).await.contains("acme"), "{strategy} {ends}");
            after.close().await.unwrap();
        }
        before.close().await.unwrap();
    }
    db.close().await;
}

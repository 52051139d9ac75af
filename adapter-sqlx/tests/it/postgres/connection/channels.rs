//! Notifications of one tenant.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tenancy_sqlx::PgTenantChannel;

use crate::postgres::support::server::{TestDatabase, tenant};

#[tokio::test]
async fn a_tenants_channel_brings_its_own_notifications() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    // Directly: a pooler in transaction mode loses subscriptions.
    let pool = sqlx::PgPool::connect_with(database.administrator()).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    let [acme, globex] = ["acme", "globex"].map(tenant);
    // Quoted names and long ones are names, too.
    let long = "orders of the year ".repeat(5);
    for topic in ["orders", "Orders: \"new\"; --", &long] {
        listener
            .listen(PgTenantChannel::new(&acme, topic).as_str())
            .await
            .unwrap();
    }
    for (tenant, topic, payload) in [
        (&globex, "orders", "of globex"),
        (&acme, "other", "of another topic"),
        (&acme, "orders", "1"),
        (&acme, "Orders: \"new\"; --", "2"),
        (&acme, &long, "3"),
    ] {
        let mut tx = db.begin(tenant).await.unwrap();
        PgTenantChannel::new(tenant, topic)
            .notify(&mut tx, payload)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin(&acme).await.unwrap();
    PgTenantChannel::new(&acme, "orders")
        .notify(&mut tx, "rolled back")
        .await
        .unwrap();
    tx.rollback().await.unwrap();

    // Notifications come in the order of their commits: whatever else was sent would come before this one.
    let mut tx = db.begin(&acme).await.unwrap();
    PgTenantChannel::new(&acme, "orders")
        .notify(&mut tx, "last")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    for expected in ["1", "2", "3", "last"] {
        let notification = tokio::time::timeout(Duration::from_secs(60), listener.recv()).await;
        assert_eq!(notification.unwrap().unwrap().payload(), expected);
    }
}

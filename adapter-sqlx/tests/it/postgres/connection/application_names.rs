//! Two tenants in the sessions' `application_name` at a time, for which a pooler's one connection is not enough.

use crate::postgres::connection::application_name::{every_strategy, names, until_none};
use crate::postgres::support::server::{TestDatabase, tenant_of};

#[tokio::test]
async fn a_long_id_is_cut_and_two_tenants_are_told_apart() {
    let database = TestDatabase::new().await;
    let mut watching = database.connect().await;
    let db = every_strategy(&database, true).await;
    let longest = "x".repeat(63);
    let one = db.begin(&tenant_of(&longest, "row")).await.unwrap();
    let other = db.begin(&tenant_of("globex", "row")).await.unwrap();
    let cut = format!("tenancy:{}", "x".repeat(55));
    assert_eq!(
        names(&mut watching, &database).await,
        ["tenancy:globex".to_owned(), cut]
    );
    drop((one, other));
    until_none(&mut watching, &database).await;
}

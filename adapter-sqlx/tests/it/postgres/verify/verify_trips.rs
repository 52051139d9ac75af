//! How often a report waits for the server: counted on the wire, so that no machine's speed is in it.

use sqlx::{ConnectOptions, PgConnection};
use tenancy_sqlx::{PgRowStrategy, PgRowTables, PgTenantTable};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;
use crate::postgres::support::wire::Wire;

/// As many tables, each with a key and a foreign key, that keep tenants apart.
async fn guarded(database: &TestDatabase, number: usize) -> PgRowTables {
    let mut administrator = database.connect().await;
    let mut tables = database.schema();
    for table in 0..number {
        let refers = table.saturating_sub(1);
        let sql = format!(
            "create table notes_{table} (
                tenant_id text not null, id bigint generated always as identity, above bigint, name text not null,
                primary key (tenant_id, id), unique (tenant_id, name),
                foreign key (tenant_id, above) references notes_{refers} (tenant_id, id))"
        );
        run(&mut administrator, &sql).await;
        tables = tables.with_table(PgTenantTable::new(&format!("notes_{table}")).unwrap());
    }
    let row = PgRowStrategy::builder(database.server(), tables.clone());
    drop(row.open().await.unwrap());
    tables
}

/// To begin and to prepare the transaction, one each; all checks in one statement, whose text is parsed in a round trip of
/// its own; the administrator's view 1; the policies 6; the rights 2; the setting 3; the end 1.
const REPORT: u64 = 17;

/// What the session begins with 1, and who owns the tables 2.
const AS_APPLICATION: u64 = REPORT + 3;

#[tokio::test]
async fn a_report_takes_as_many_round_trips_of_fifty_tables_as_of_five() {
    for number in [5, 50] {
        let database = TestDatabase::new().await;
        let tables = guarded(&database, number).await;
        let wire = Wire::to(&database.administrator());
        let mut administrator: PgConnection = wire.of(database.administrator()).connect().await.unwrap();
        let before = wire.flights();
        let report = tables.verify(&mut administrator).await.unwrap();
        assert_eq!(wire.flights() - before, REPORT, "{number} tables");
        assert!(report.is_clean(), "{report}");
        let mut application: PgConnection = wire.of(database.application()).connect().await.unwrap();
        let before = wire.flights();
        let report = tables.verify_as_application(&mut application).await.unwrap();
        assert_eq!(
            wire.flights() - before,
            AS_APPLICATION,
            "{number} tables, as the application"
        );
        assert!(report.is_clean(), "{report}");
    }
}

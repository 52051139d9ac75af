//! What mends a finding keeps as much of a key as an adoption does.

use sqlx::PgConnection;
use tenancy_sqlx::{PgFault, PgRowTables};

use crate::postgres::adoption::before_and_after::{before, declared, shape, without_tenant};
use crate::postgres::adoption::kept::SHAPES;
use crate::postgres::adoption::partitions::EVENTS;
use crate::postgres::support::schema_server::run;

/// The tables with their columns and policies, and keys without the tenant.
async fn half_adopted(sql: &str, names: &[&str], administrator: &mut PgConnection, tables: &PgRowTables) {
    for name in names {
        let column = format!("alter table {name} add column tenant_id text not null default 'acme'");
        run(administrator, column).await;
    }
    tables
        .apply(administrator)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn check(sql: &str, names: &[&str]) {
    for is_reversed in [false, true] {
        let database = before(sql).await;
        let mut administrator = database.connect().await;
        let was = shape(&mut administrator).await;
        let tables = declared(&database, names);
        half_adopted(sql, names, &mut administrator, &tables).await;
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(!report.is_safe(), "{sql}");
        let mut mends: Vec<&str> = report.findings().iter().map(|finding| finding.mend()).collect();
        if is_reversed {
            mends.reverse();
        }
        for mend in mends {
            assert!(!mend.is_empty(), "{sql}: {report}");
            run(&mut administrator, mend).await;
        }
        let is = shape(&mut administrator).await;
        assert_eq!(
            without_tenant(&is, "tenant_id"),
            without_tenant(&was, "tenant_id"),
            "{sql}: {report}"
        );
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{sql}: {report}");
    }
}

/// Each mend runs, whichever comes first, and nothing but the tenant's column is new.
#[tokio::test]
async fn mended_keys_differ_by_the_tenant_alone() {
    for sql in SHAPES
        .iter()
        .filter(|sql| !sql.contains("replica identity full") && !sql.contains("identity nothing"))
    {
        let names: &[&str] = if sql.contains("table b") { &["a", "b"] } else { &["a"] };
        check(sql, names).await;
    }
}

#[tokio::test]
async fn mended_keys_of_partitions_keep_their_names() {
    check(EVENTS, &["kinds", "events", "marks"]).await;
}

/// Each rewrites a foreign key that pairs the tenants already.
#[tokio::test]
async fn mended_actions_keep_what_else_a_foreign_key_says() {
    for (action, kept, fault) in [
        (
            "on delete set null deferrable initially deferred not valid",
            "ON DELETE SET NULL (a) DEFERRABLE INITIALLY DEFERRED NOT VALID",
            PgFault::ForeignKeyClearsTenant,
        ),
        (
            "on update set default on delete restrict",
            "ON DELETE RESTRICT",
            PgFault::ForeignKeyClearsTenant,
        ),
    ] {
        let database = before(&format!(
            "create table a (tenant_id text not null, id int, primary key (tenant_id, id));
            create table b (tenant_id text not null, id int, a int, primary key (tenant_id, id),
                constraint of_a foreign key (tenant_id, a) references a {});
            comment on constraint of_a on b is 'It''s kept'",
            action.replace(" not valid", "")
        ))
        .await;
        let mut administrator = database.connect().await;
        if action.ends_with("not valid") {
            let sql = format!(
                "alter table b drop constraint of_a, add constraint of_a foreign key (tenant_id, a) references a {action};
                comment on constraint of_a on b is 'It''s kept'"
            );
            run(&mut administrator, sql).await;
        }
        let tables = declared(&database, &["a", "b"]);
        tables.apply(&mut administrator).await.unwrap();
        let report = tables.verify(&mut administrator).await.unwrap();
        let found: Vec<PgFault> = report.findings().iter().map(|finding| finding.fault()).collect();
        assert_eq!(found, [fault], "{report}");
        run(&mut administrator, report.findings()[0].mend()).await;
        let lines = shape(&mut administrator).await;
        let key = lines.iter().find(|line| line.contains("of_a")).unwrap();
        assert!(key.contains(kept) && key.ends_with("It's kept"), "{key}");
        assert!(tables.verify(&mut administrator).await.unwrap().is_clean());
    }
}

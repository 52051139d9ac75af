//! Declared views, and rights that the application lacks.

use sqlx::PgConnection;
use tenancy_sqlx::{PgFault, PgReport, PgRowStrategy, PgSeverity, PgTenantTable, PgTenantView};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, migrations};
use crate::postgres::verify::verify::{guarded, schema, seen_by_acme};
use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

async fn verify_with(database: &TestDatabase, view: PgTenantView) -> PgReport {
    let mut administrator: PgConnection = database.connect().await;
    schema(database)
        .with_view(view)
        .verify(&mut administrator)
        .await
        .unwrap()
}

#[tokio::test]
async fn declared_views_are_judged() {
    let database = guarded().await;
    run(
        &mut database.connect().await,
        "create schema \"Odd\"; create view \"Odd\".\"No\"\"tes\" as select * from notes;
        create view outer_notes with (security_invoker = true) as select * from \"Odd\".\"No\"\"tes\";
        create materialized view kept as select * from notes;
        create view elsewhere with (security_invoker = true) as select 1 as one",
    )
    .await;
    let app = database.application_role();
    let odd = PgTenantView::new("No\"tes").unwrap().with_schema("Odd").unwrap();
    let named = |name: &str| PgTenantView::new(name).unwrap();
    for (view, expected) in [
        (
            odd.clone(),
            &[
                (PgFault::ViewAsOwner, "\"Odd\".\"No\"\"tes\""),
                (PgFault::GrantMissing, "\"Odd\".\"No\"\"tes\" for SELECT"),
                (PgFault::GrantMissing, "schema \"Odd\""),
            ][..],
        ),
        (
            named("outer_notes"),
            &[(PgFault::GrantMissing, "public.outer_notes for SELECT")],
        ),
        (named("kept"), &[(PgFault::ViewDiffers, "public.kept")]),
        (named("notes"), &[(PgFault::ViewDiffers, "public.notes")]),
        (named("nowhere"), &[(PgFault::ViewDiffers, "public.nowhere")]),
        (
            named("elsewhere"),
            &[
                (PgFault::ViewDiffers, "public.elsewhere"),
                (PgFault::GrantMissing, "public.elsewhere for SELECT"),
            ],
        ),
    ] {
        let report = verify_with(&database, view.clone()).await;
        let found: Vec<_> = report
            .findings()
            .iter()
            .map(|one| (one.fault(), one.object()))
            .collect();
        assert_eq!(found, expected, "{view}: {report}");
    }
    // Its mends, as the administrator.
    for finding in verify_with(&database, odd.clone()).await.findings() {
        run(&mut database.connect().await, finding.mend()).await;
    }
    let report = verify_with(&database, odd).await;
    assert!(report.is_clean(), "{report}");
    let seen = seen_by_acme(&database, "select body from \"Odd\".\"No\"\"tes\"")
        .await
        .unwrap();
    assert_eq!(seen, ["of acme"], "{app}");
}

/// The right is given once, to what reads as the invoker, and is not given again after it was revoked.
#[tokio::test]
async fn a_declared_view_is_granted_where_nobody_has_decided() {
    let database = TestDatabase::new().await;
    let view = "create view \"My notes\" with (security_invoker = on) as select * from notes";
    let declared = |name: &str| {
        let notes = PgTenantTable::new("notes").unwrap();
        database
            .schema()
            .with_table(notes)
            .with_view(PgTenantView::new(name).unwrap())
    };
    let open = || {
        PgRowStrategy::builder(database.server(), declared("My notes"))
            .with_migrations(migrations(&[NOTES, view]))
            .open()
    };
    let mut administrator = database.connect().await;
    let may_read = async |administrator: &mut PgConnection, name: &str| -> bool {
        let sql = "select has_table_privilege($1, $2, 'select')";
        let asked = sqlx::query_scalar(sql).bind(database.application_role()).bind(name);
        asked.fetch_one(administrator).await.unwrap()
    };
    assert!(open().await.is_ok());
    assert!(may_read(&mut administrator, "\"My notes\"").await);
    let revoke = format!("revoke select on \"My notes\" from {}", database.application_role());
    run(&mut administrator, revoke).await;
    // A right that is missing shows nobody anything: the strategy opens.
    assert!(open().await.is_ok());
    assert!(!may_read(&mut administrator, "\"My notes\"").await);
    run(
        &mut administrator,
        "create view as_owner with (security_barrier = true) as select * from notes",
    )
    .await;
    run(&mut administrator, declared("as_owner").sql()).await;
    assert!(!may_read(&mut administrator, "as_owner").await);
}

/// `bigserial` and other defaults; an identity needs no right.
const SEQUENCES: &[Planted] = &[
    Planted {
        fault: "alter table tags add column number bigserial; alter table bookings add column \"No.\" serial;
            create sequence unused owned by tags.tag",
        found: &[
            (PgFault::GrantMissing, "public.\"bookings_No._seq\" for USAGE"),
            (PgFault::GrantMissing, "public.tags_number_seq for USAGE"),
        ],
        leak: None,
    },
    Planted {
        fault: "create schema counters; create sequence counters.shared;
            alter table notes alter column body set default 'n' || nextval('counters.shared')",
        found: &[(PgFault::GrantMissing, "counters.shared for USAGE")],
        leak: None,
    },
    Planted {
        fault: "alter table tags add column number bigserial; grant update on sequence tags_number_seq to APP;
            alter table notes add column number bigint generated by default as identity",
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn sequences_that_an_insert_needs_are_found() {
    check_each(SEQUENCES).await;
}

#[tokio::test]
async fn an_insert_works_once_its_sequence_is_granted() {
    let database = guarded().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, "alter table bookings add column number bigserial").await;
    let insert = "insert into bookings (day) values (2026); select 'done'";
    assert_eq!(
        crate::postgres::support::server::code(seen_by_acme(&database, insert).await),
        "42501"
    );
    let report = schema(&database).verify(&mut administrator).await.unwrap();
    assert!(report.is_safe() && !report.is_clean(), "{report}");
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    assert_eq!(finding.fault().severity(), PgSeverity::Notice);
    assert!(
        report
            .to_string()
            .starts_with("the database keeps tenants apart: 1 finding\n"),
        "{report}"
    );
    run(&mut administrator, finding.mend()).await;
    assert_eq!(seen_by_acme(&database, insert).await.unwrap(), ["done"]);
}

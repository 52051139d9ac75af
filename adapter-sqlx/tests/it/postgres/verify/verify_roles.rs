//! One role for both, and a superuser as the application's: it is another role that is needed.

use tenancy_sqlx::{PgFault, PgRowTables, PgTenantTable};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase};
use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

fn declared(application: &str, administrator: &str) -> PgRowTables {
    let notes = PgTenantTable::new("notes").unwrap();
    PgRowTables::new(application, administrator).unwrap().with_table(notes)
}

#[tokio::test]
async fn no_mend_takes_rights_from_the_only_role() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, NOTES).await;
    // The role that an operator's only URL names.
    let mut superuser = database.superuser().await;
    let name: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let owner = database.administrator_role();
    for (application, administrator, fault) in [
        (name.as_str(), name.as_str(), PgFault::RoleShared),
        (owner, owner, PgFault::RoleShared),
        (&name, owner, PgFault::RoleBypasses),
    ] {
        let schema = declared(application, administrator);
        run(&mut superuser, schema.sql()).await;
        for mut connection in [database.connect().await, database.superuser().await] {
            let report = schema.verify(&mut connection).await.unwrap();
            let [finding] = report.findings() else {
                panic!("{report}")
            };
            assert_eq!(finding.fault(), fault);
            assert_eq!(finding.mend(), format!("create role {application}_app login"));
        }
    }
}

const SUPERUSERS: &[Planted] = &[
    // A role of the application's own that was given too much is mended at once.
    Planted {
        fault: "alter role APP superuser createrole replication bypassrls",
        found: &[(PgFault::RoleBypasses, "APP")],
        leak: Some("select body from notes"),
    },
    Planted {
        fault: "alter role APP createrole replication",
        found: &[(PgFault::RoleManages, "APP")],
        leak: None,
    },
    // An owner of a partition sees its rows.
    Planted {
        fault: "create role APP_between; alter table bookings_2026 owner to APP_between; grant APP_between to APP",
        found: &[(PgFault::RoleMember, "APP_between")],
        leak: None,
    },
];

#[tokio::test]
async fn a_role_with_too_many_attributes_is_mended() {
    check_each(SUPERUSERS).await;
}

//! What keeps a process that only serves from opening.

use std::collections::BTreeSet;

use sqlx::ConnectOptions;
use tenancy_sqlx::{PgFault, PgNote, PgRowStrategy, PgServer, PgTenantTable, StrategyError};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;

fn builder(database: &TestDatabase) -> tenancy_sqlx::PgRowBuilder {
    let server = PgServer::application_only(database.application());
    let notes = PgTenantTable::new("notes").unwrap();
    PgRowStrategy::builder(server.clone(), server.row_tables().unwrap().with_table(notes))
}

/// What the administrator does by mistake, and the fault that the application finds. Each is undone again.
const PLANTED: &[(&str, PgFault, &str)] = &[
    (
        "alter table notes no force row level security",
        PgFault::RowSecurityNotForced,
        "alter table notes force row level security",
    ),
    (
        "alter table notes disable row level security",
        PgFault::RowSecurityOff,
        "alter table notes enable row level security",
    ),
    (
        "alter policy tenancy_tenant on notes using (true)",
        PgFault::PolicyDiffers,
        "drop policy tenancy_tenant on notes",
    ),
    (
        "drop policy if exists tenancy_tenant on notes",
        PgFault::PolicyDiffers,
        "",
    ),
    (
        "create policy everybody on notes to public using (true)",
        PgFault::PolicyForOthers,
        "drop policy everybody on notes",
    ),
    (
        "grant truncate on notes to APP",
        PgFault::Grant,
        "revoke truncate on notes from APP",
    ),
    (
        "create view all_notes as select * from notes; grant select on all_notes to APP",
        PgFault::ViewAsOwner,
        "drop view all_notes",
    ),
    (
        "create function every() returns setof notes language sql security definer as 'select * from notes'",
        PgFault::FunctionAsOwner,
        "drop function every()",
    ),
    (
        "create table secrets (tenant_id text); grant select on secrets to APP",
        PgFault::TableUndeclared,
        "drop table secrets",
    ),
    (
        "create unique index by_name on notes (name)",
        PgFault::KeyWithoutTenant,
        "drop index by_name",
    ),
    (
        "alter role APP bypassrls",
        PgFault::RoleBypasses,
        "alter role APP nobypassrls",
    ),
    (
        "alter role APP createrole",
        PgFault::RoleManages,
        "alter role APP nocreaterole",
    ),
    ("grant ADMIN to APP", PgFault::RoleMember, "revoke ADMIN from APP"),
    (
        "grant create on schema public to APP",
        PgFault::SchemaCreate,
        "revoke create on schema public from APP",
    ),
    (
        "alter role APP set app.tenant_id = 'globex'",
        PgFault::SettingPreset,
        "alter role APP reset app.tenant_id",
    ),
    (
        "alter table notes rename to others",
        PgFault::TableMissing,
        "alter table others rename to notes",
    ),
];

#[tokio::test]
async fn the_application_finds_what_the_administrator_finds() {
    let database = TestDatabase::new().await;
    database.row().open().await.unwrap();
    let declared = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    // Roles' attributes are a superuser's to change.
    let mut superuser = database.superuser().await;
    let mut administrator = database.connect().await;
    for (planted, fault, undone) in PLANTED {
        let is_about_roles = planted.contains("role APP") || planted.starts_with("grant ADMIN");
        let connection = if is_about_roles {
            &mut superuser
        } else {
            &mut administrator
        };
        run(connection, database.named(planted)).await;
        let refused = builder(&database).open().await;
        let Err(StrategyError::UnsafeDatabase(report)) = refused else {
            panic!("{planted}: {refused:?}")
        };
        let faults = |report: &tenancy_sqlx::PgReport| -> BTreeSet<String> {
            let found = report.findings().iter();
            found.map(|one| format!("{:?} {}", one.fault(), one.object())).collect()
        };
        assert!(
            report.findings().iter().any(|found| found.fault() == *fault),
            "{planted}: {report}"
        );
        let as_administrator = declared.verify(&mut administrator).await.unwrap();
        assert_eq!(faults(&report), faults(&as_administrator), "{planted}");
        let connection = if is_about_roles {
            &mut superuser
        } else {
            &mut administrator
        };
        run(connection, database.named(undone)).await;
        if !undone.contains("drop policy tenancy_tenant") && !undone.is_empty() {
            let opened = builder(&database).open().await;
            assert!(opened.is_ok(), "{undone}: {opened:?}");
        } else if undone.is_empty() {
            // The administrator's next opening writes it anew.
            database.row().open().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_the_application_cannot_see_is_said_once() {
    let database = TestDatabase::new().await;
    database.row().open().await.unwrap();
    let server = PgServer::application_only(database.application());
    let tables = server
        .row_tables()
        .unwrap()
        .with_table(PgTenantTable::new("notes").unwrap());
    let mut application = database.application().connect().await.unwrap();
    let report = tables.verify_as_application(&mut application).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let owner = format!("\"{}\"", database.administrator_role());
    assert_eq!(report.notes(), [PgNote::AdministratorUnseen { owner: Some(owner) }]);
    assert_eq!(report.to_string().matches("note: ").count(), 1);
    // With two owners nobody knows who administers, and a policy for one of them may be a stranger's.
    let mut superuser = database.superuser().await;
    run(&mut superuser, "create table second (tenant_id text not null)").await;
    let tables = tables.with_table(PgTenantTable::new("second").unwrap());
    let report = tables.verify_as_application(&mut application).await.unwrap();
    assert!(report.notes().contains(&PgNote::AdministratorUnseen { owner: None }));
    assert!(
        report
            .findings()
            .iter()
            .any(|found| found.fault() == PgFault::PolicyForOthers),
        "{report}"
    );
    assert!(!report.to_string().contains("pg_no_administrator"), "{report}");
}

/// The one URL that there is for everything: no mend takes from its role what it has.
#[tokio::test]
async fn no_mend_demotes_the_owner_or_a_superuser_that_serves() {
    let database = TestDatabase::new().await;
    database.row().open().await.unwrap();
    // An owner who may make roles, and a superuser who is not the server's first.
    let mut superuser = database.superuser().await;
    let sql = "alter role ADMIN createrole; create role ADMIN_super login superuser password 'only for tests'";
    run(&mut superuser, database.named(sql)).await;
    let also_superuser = database.administrator().username(&database.named("ADMIN_super"));
    for options in [database.administrator(), also_superuser] {
        let role = options.get_username().to_owned();
        for server in [
            PgServer::application_only(options.clone()),
            PgServer::new(options.clone(), options.clone()),
        ] {
            let tables = server
                .row_tables()
                .unwrap()
                .with_table(PgTenantTable::new("notes").unwrap());
            let refused = PgRowStrategy::builder(server, tables).open().await;
            let Err(StrategyError::UnsafeDatabase(report)) = refused else {
                panic!("{role}: {refused:?}")
            };
            for finding in report.findings() {
                let mend = finding.mend();
                let demotes = mend.contains(&format!("alter role {role} "))
                    || mend.contains("owner to")
                    || mend.contains(&format!("from {role}"));
                assert!(!demotes, "{finding}");
            }
            assert!(
                report.to_string().contains(&format!("create role {role}_app login")),
                "{report}"
            );
        }
        // Declared under other names, the connection is still theirs.
        let tables = tenancy_sqlx::PgRowTables::new(&role, "somebody_else").unwrap();
        let tables = tables.with_table(PgTenantTable::new("notes").unwrap());
        let report = tables.verify(&mut options.connect().await.unwrap()).await.unwrap();
        for finding in report.findings() {
            assert!(
                finding.mend().is_empty() || finding.mend().starts_with("create role"),
                "{finding}"
            );
        }
    }
    run(&mut superuser, database.named("drop role ADMIN_super")).await;
}

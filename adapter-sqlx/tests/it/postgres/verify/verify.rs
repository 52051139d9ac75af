//! Each way around the isolation of rows: it leaks, it is found, and it is mended.

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tenancy_sqlx::{PgFault, PgFinding, PgReport, PgRowStrategy, PgRowTables, PgServer, PgTenantTable, StrategyError};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, migrations, seed, tenant};
use crate::postgres::verify::verify_faults::{PLANTED, Planted};

const BOOKINGS: &str = "create table bookings (
    tenant_id text not null, day int not null, email text not null default '', body text not null default ''
) partition by range (day);
create table bookings_2026 partition of bookings for values from (2026) to (2027)";

const TAGS: &str = "create table tags (
    tenant_id text not null, note bigint not null, tag text not null, primary key (tenant_id, note, tag),
    foreign key (tenant_id, note) references notes (tenant_id, id)
)";

pub(crate) fn schema(database: &TestDatabase) -> PgRowTables {
    let tables = ["notes", "tags", "bookings"].map(|name| PgTenantTable::new(name).unwrap());
    tables.into_iter().fold(database.schema(), PgRowTables::with_table)
}

pub(crate) async fn guarded() -> TestDatabase {
    let database = TestDatabase::new().await;
    let row = PgRowStrategy::builder(database.server(), schema(&database))
        .with_migrations(migrations(&[NOTES, TAGS, BOOKINGS]))
        .open()
        .await
        .unwrap();
    let db = tenancy_sqlx::TenantDb::new(tenancy_sqlx::StrategyRegistry::new().with(row).unwrap());
    seed(&db, &["acme", "globex"]).await;
    assert!(db.begin(&tenant("acme")).await.is_ok());
    db.close().await;
    database
}

pub(crate) async fn verify(database: &TestDatabase) -> PgReport {
    schema(database).verify(&mut database.connect().await).await.unwrap()
}

/// What the application sees in a transaction of the tenant `acme`, by a query of its own.
pub(crate) async fn seen_by_acme(database: &TestDatabase, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut connection: PgConnection = database.application().connect().await.unwrap();
    run(&mut connection, "begin; set local app.tenant_id = 'acme'").await;
    let (before, query) = sql.rsplit_once("; ").unwrap_or(("", sql));
    sqlx::raw_sql(AssertSqlSafe(before.to_owned()))
        .execute(&mut connection)
        .await?;
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_all(&mut connection)
        .await
}

#[tokio::test]
async fn a_guarded_database_has_no_finding() {
    let database = guarded().await;
    let mut administrator = database.connect().await;
    let app = database.application_role();
    run(
        &mut administrator,
        format!(
            "create view mine with (security_invoker = true) as select * from notes; grant select on mine to {app};
            create view nobodys as select * from notes;
            create materialized view nobodys_kept as select * from notes;
            create function plain() returns int language sql as 'select 1';
            create function hidden() returns int language sql security definer as 'select 1';
            revoke execute on function hidden() from public;
            create table lookup (code text primary key); grant select on lookup to {app};
            create unique index by_name on notes (name, tenant_id);
            create index plain_index on notes (body)"
        ),
    )
    .await;
    let report = verify(&database).await;
    assert!(report.is_clean(), "{report}");
    // It looks, and changes nothing.
    assert!(verify(&database).await.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_found_leaks_and_is_mended() {
    let mut failed = Vec::new();
    for Planted { fault, found, leak } in PLANTED {
        let database = guarded().await;
        let name = |text: &str| database.named(text);
        let leak = leak.map(name);
        if let Some(leak) = &leak {
            let seen = seen_by_acme(&database, leak).await.unwrap_or_default();
            assert!(!seen.contains(&"of globex".to_owned()), "before `{fault}`: {seen:?}");
        }
        run_with_what_it_needs(&database, name(fault)).await.unwrap();
        let report = verify(&database).await;
        let told: Vec<_> = report
            .findings()
            .iter()
            .map(|finding| (finding.fault(), finding.object()))
            .collect();
        let expected: Vec<_> = found.iter().map(|(fault, object)| (*fault, name(object))).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(fault, object)| (*fault, object.as_str()))
            .collect();
        if told != expected {
            failed.push(format!("{fault}: {report}"));
        }
        if let Some(leak) = &leak {
            let seen = seen_by_acme(&database, leak).await.unwrap();
            assert!(
                seen.contains(&"of globex".to_owned()),
                "`{fault}` does not leak: {seen:?}"
            );
        }
        for finding in report.findings() {
            if let Err(error) = run_with_what_it_needs(&database, finding.mend().to_owned()).await {
                failed.push(format!("`{}` cannot be run: {error}", finding.mend()));
            }
        }
        if report.findings().iter().all(|finding| !finding.mend().is_empty()) {
            let report = verify(&database).await;
            if !report.is_clean() {
                failed.push(format!("after `{fault}` was mended: {report}"));
            }
            if let Some(leak) = &leak {
                let seen = seen_by_acme(&database, leak).await.unwrap_or_default();
                if seen.contains(&"of globex".to_owned()) {
                    failed.push(format!("mended `{fault}` leaks: {seen:?}"));
                }
            }
        }
        run(
            &mut database.superuser().await,
            name(
                "drop owned by APP; do $$ begin
                    if exists (select from pg_roles where rolname = 'APP_between') then
                        drop owned by APP_between; drop role APP_between;
                    end if; end $$",
            ),
        )
        .await;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// As the administrator, and as a superuser where the administrator may not: what is about roles and the server.
async fn run_with_what_it_needs(database: &TestDatabase, sql: String) -> Result<(), sqlx::Error> {
    let run = async |mut connection: PgConnection| {
        let sql = AssertSqlSafe(sql.clone());
        sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
    };
    match run(database.connect().await).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
            run(database.superuser().await).await
        }
        done => done,
    }
}

/// A key without the tenant's column tells whether another tenant has a row.
#[tokio::test]
async fn keys_without_the_tenant_tell_of_other_tenants() {
    let database = guarded().await;
    run(
        &mut database.connect().await,
        "alter table notes add constraint one_body unique (body)",
    )
    .await;
    let oracle = "insert into notes (name, body) values ('probe', 'of globex'); select 'free'";
    let taken = seen_by_acme(&database, oracle).await;
    assert_eq!(crate::postgres::support::server::code(taken), "23505");
    let finding = verify(&database).await;
    run(&mut database.connect().await, finding.findings()[0].mend()).await;
    assert_eq!(seen_by_acme(&database, oracle).await.unwrap(), ["free"]);
}

#[tokio::test]
async fn what_is_declared_must_be_there() {
    let database = guarded().await;
    run(
        &mut database.connect().await,
        "create view looks_like_one as select * from notes; create table other_type (tenant_id uuid not null);
        create table other_column (id text)",
    )
    .await;
    for (name, faults) in [
        ("nowhere", &[PgFault::TableMissing][..]),
        ("looks_like_one", &[PgFault::TableMissing]),
        ("other_type", &[PgFault::ColumnType]),
        ("other_column", &[PgFault::ColumnMissing]),
    ] {
        let schema = schema(&database).with_table(PgTenantTable::new(name).unwrap());
        let report = schema.verify(&mut database.connect().await).await.unwrap();
        for fault in faults {
            let found = report.findings().iter().any(|finding| finding.fault() == *fault);
            assert!(found, "{name}: {report}");
        }
    }
    let nobody = PgRowTables::new("nobody_of_that_name", "postgres").unwrap();
    let report = nobody.verify(&mut database.connect().await).await.unwrap();
    assert_eq!(report.findings()[0].fault(), PgFault::RoleMissing);
}

/// What the server's own configuration says comes as what the connection's options say does.
#[tokio::test]
async fn a_session_begins_without_the_setting() {
    let database = guarded().await;
    let preset = database.administrator().options([("app.tenant_id", "globex")]);
    let mut administrator = preset.connect().await.unwrap();
    let report = schema(&database).verify(&mut administrator).await.unwrap();
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    assert_eq!(finding.fault(), PgFault::SettingPreset);
    assert!(
        finding.object().starts_with("the configuration of the server"),
        "{report}"
    );
    // What somebody has set in this session alone is no other's.
    let mut administrator = database.connect().await;
    run(&mut administrator, "set app.tenant_id = 'globex'").await;
    let report = schema(&database).verify(&mut administrator).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let kept = sqlx::query_scalar("show app.tenant_id")
        .fetch_one(&mut administrator)
        .await;
    assert_eq!(kept.unwrap_or_else(|error| error.to_string()), "globex");
}

/// A name that an extension has, or keeps others from.
#[tokio::test]
async fn a_setting_that_does_not_hold_is_found() {
    let database = guarded().await;
    let mut administrator = database.connect().await;
    // What loads the library: only a superuser may say `load`.
    run(&mut administrator, "do $$ begin end $$").await;
    for name in ["plpgsql.tenant_id", "plpgsql.variable_conflict"] {
        // A policy may name it all the same.
        let schema = database.schema().with_setting(name.parse().unwrap());
        let report = schema.verify(&mut administrator).await.unwrap();
        let told: Vec<_> = report.findings().iter().map(PgFinding::fault).collect();
        assert_eq!(told, [PgFault::SettingLost], "{name}: {report}");
    }
}

/// The catalog is asked about the declared role and the administrator's database. It must be those that serve.
#[tokio::test]
async fn an_application_that_connects_otherwise_is_found() {
    let (database, other) = (guarded().await, guarded().await);
    let administrator = database.administrator();
    let elsewhere = database
        .application()
        .database(other.administrator().get_database().unwrap());
    for (application, named) in [
        (administrator.clone(), administrator.get_username()),
        (elsewhere.clone(), elsewhere.get_database().unwrap()),
    ] {
        let open = || {
            PgRowStrategy::builder(
                PgServer::new(application.clone(), administrator.clone()),
                schema(&database),
            )
        };
        let error = open().open().await.unwrap_err();
        let StrategyError::UnsafeDatabase(report) = &error else {
            panic!("{error:?}")
        };
        let [finding] = report.findings() else {
            panic!("{report}")
        };
        assert_eq!(finding.fault(), PgFault::ConnectionDiffers);
        assert!(finding.object().contains(named), "{report}");
        assert!(open().dangerously_allow_findings().open().await.is_ok());
    }
}

#[tokio::test]
async fn a_database_with_findings_is_not_opened() {
    let database = guarded().await;
    let sql = format!("alter role {} bypassrls", database.application_role());
    run(&mut database.superuser().await, sql).await;
    let open = || PgRowStrategy::builder(database.server(), schema(&database));
    let error = open().open().await.unwrap_err();
    let StrategyError::UnsafeDatabase(report) = &error else {
        panic!("{error:?}")
    };
    let text = report.to_string();
    assert!(
        text.contains("RoleBypasses") && text.contains("nosuperuser nobypassrls"),
        "{text}"
    );
    assert!(open().dangerously_allow_findings().open().await.is_ok());
}

//! What opening the strategy `row` writes, and which locks it takes.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tenancy_sqlx::{PgRowBuilder, PgRowStrategy, PgRowTables, PgServer, PgTenantTable};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, migrations};

const TAGS: &str = r#"create schema "Odd ""one"; create table "Odd ""one"."Tags $tenancy$" (
    "Tenant ""Id" text not null, id bigserial, primary key ("Tenant ""Id", id))"#;

/// Partitions and children are altered with their parent.
const EVENTS: &str = "create table events (tenant_id text not null, at int not null, primary key (tenant_id, at)) partition by range (at);
    create table events_1 partition of events for values from (0) to (10)";

/// What else a table may have, and be asked about.
const LINES: &str =
    "create table lines (tenant_id text not null, id bigserial, note bigint, body text check (body <> ''),
        doubled bigint generated always as (id * 2) stored, primary key (tenant_id, id),
        foreign key (tenant_id, note) references notes (tenant_id, id) on delete cascade);
    create unique index one_body on lines (tenant_id, lower(body)) where body is not null;
    create view line_bodies with (security_invoker = true) as select body from lines;
    create function nothing() returns trigger language plpgsql as 'begin return new; end';
    create trigger nothing before insert on lines for each row execute function nothing()";

fn schema(database: &TestDatabase) -> PgRowTables {
    let odd = PgTenantTable::new("Tags $tenancy$").unwrap();
    let odd = odd.with_schema("Odd \"one").unwrap();
    let odd = odd
        .with_tenant_column("Tenant \"Id", tenancy_sqlx::PgTenantColumn::Text)
        .unwrap();
    let tables = ["notes", "events", "lines"].map(|name| PgTenantTable::new(name).unwrap());
    let tables = [odd].into_iter().chain(tables);
    tables.fold(database.schema(), PgRowTables::with_table)
}

fn options(database: &TestDatabase, administrator: PgConnectOptions) -> PgRowBuilder {
    PgRowStrategy::builder(PgServer::new(database.application(), administrator), schema(database))
        .with_migrations(migrations(&[NOTES, TAGS, EVENTS, LINES]))
}

async fn opened() -> TestDatabase {
    let database = TestDatabase::new().await;
    options(&database, database.administrator()).open().await.unwrap();
    database
}

/// What is in the catalog of the tables and their policies, with the transaction that wrote each row.
async fn written(database: &TestDatabase) -> Vec<String> {
    let sql = "select concat_ws(' ', c.oid::regclass, c.xmin, c.relrowsecurity, c.relforcerowsecurity, c.relacl,
            (select string_agg(concat_ws(' ', a.attname, a.xmin, a.attacl), ',' order by a.attnum) from pg_attribute a where a.attrelid = c.oid),
            (select string_agg(concat_ws(' ', d.oid, d.xmin), ',' order by d.oid) from pg_attrdef d where d.adrelid = c.oid),
            (select string_agg(concat_ws(' ', p.oid, p.xmin), ',' order by p.oid) from pg_policy p where p.polrelid = c.oid))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by c.oid";
    let mut superuser = database.superuser().await;
    sqlx::query_scalar(sql).fetch_all(&mut superuser).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_as_it_should_be_is_not_locked() {
    let database = opened().await;
    let before = written(&database).await;
    let mut holder = database.connect().await;
    run(
        &mut holder,
        r#"begin; lock table notes, events, events_1, lines, line_bodies, "Odd ""one"."Tags $tenancy$" in access exclusive mode"#,
    )
    .await;
    let name = format!("opener of {}", database.application_role());
    let administrator = database.administrator().application_name(&name);
    let opening = tokio::spawn(async move {
        let database = database;
        for _ in 0..10 {
            let open = options(&database, administrator.clone()).open();
            tokio::time::timeout(Duration::from_secs(60), open)
                .await
                .unwrap()
                .unwrap();
        }
        database
    });
    // Watches which locks it has meanwhile.
    let sql = "select distinct concat_ws(' ', l.mode, l.locktype, l.relation) from pg_locks l join pg_stat_activity a using (pid)
        where a.application_name = $1 and (l.mode <> 'AccessShareLock' or l.relation in (
            select oid from pg_class where relname in ('notes', 'events', 'events_1', 'lines', 'Tags $tenancy$')))
            and l.locktype <> 'virtualxid'";
    let (mut watches, mut seen): (u32, Vec<String>) = (0, Vec::new());
    while !opening.is_finished() {
        let found: Vec<String> = sqlx::query_scalar(sql)
            .bind(&name)
            .fetch_all(&mut holder)
            .await
            .unwrap();
        seen.extend(found);
        watches += 1;
    }
    let database = opening.await.unwrap();
    assert!(watches > 0);
    assert_eq!(seen, [""; 0]);
    assert_eq!(written(&database).await, before);
}

/// The server itself sees to it that nothing is written.
#[tokio::test]
async fn a_database_that_is_as_it_should_be_is_only_read() {
    let database = opened().await;
    let administrator = database
        .administrator()
        .options([("default_transaction_read_only", "on")]);
    options(&database, administrator.clone()).open().await.unwrap();
    // And that this is how it would tell.
    run(
        &mut database.connect().await,
        "alter table notes no force row level security",
    )
    .await;
    assert!(options(&database, administrator).open().await.is_err());
}

/// Each part of the declaration is written again where it differs, and nothing else.
#[tokio::test]
async fn only_what_differs_is_written() {
    let database = opened().await;
    let app = database.application_role();
    for fault in [
        "alter table notes alter column tenant_id drop default".to_owned(),
        "alter table notes alter column tenant_id set default 'acme'".to_owned(),
        "alter table lines drop constraint lines_tenant_id_note_fkey; alter table notes drop constraint notes_pkey, drop constraint notes_tenant_id_name_key; alter table notes alter column tenant_id drop not null".to_owned(),
        "alter table notes disable row level security".to_owned(),
        "alter table notes no force row level security".to_owned(),
        "drop policy tenancy_tenant on notes".to_owned(),
        "drop policy tenancy_application on notes".to_owned(),
        "drop policy tenancy_administrator on notes".to_owned(),
        "alter policy tenancy_tenant on notes using (true)".to_owned(),
        "alter policy tenancy_tenant on notes with check (true)".to_owned(),
        format!("drop policy tenancy_tenant on notes; create policy tenancy_tenant on notes as restrictive for select to {app}
            using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')))"),
        format!("drop policy tenancy_tenant on notes; create policy tenancy_tenant on notes to {app}
            using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')))"),
        "alter policy tenancy_application on notes using (body <> '')".to_owned(),
        "alter policy tenancy_application on notes to public".to_owned(),
    ] {
        let others = async || -> Vec<String> {
            let written = written(&database).await;
            written.into_iter().filter(|line| !line.starts_with("notes ")).collect()
        };
        run(&mut database.connect().await, fault.clone()).await;
        let before = others().await;
        let policies = policies(&database).await;
        options(&database, database.administrator()).open().await.unwrap();
        assert_eq!(others().await, before, "{fault}");
        let report = schema(&database).verify(&mut database.connect().await).await.unwrap();
        assert!(report.is_clean(), "{fault}: {report}");
        let kept = policies.iter().filter(|policy| fault.contains(&policy.1)).count();
        let after = self::policies(&database).await;
        assert_eq!(after.len(), 3, "{fault}");
        let same = after.iter().filter(|policy| policies.contains(policy)).count();
        assert!(same >= policies.len() - kept, "{fault}: {policies:?}, {after:?}");
    }
}

async fn policies(database: &TestDatabase) -> Vec<(String, String)> {
    let sql = "select concat_ws(' ', oid, xmin), polname::text from pg_policy where polrelid = 'notes'::regclass";
    sqlx::query_as(sql)
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_at_once() {
    let database = TestDatabase::new().await;
    let openers: Vec<_> = (0..6)
        .map(|_| tokio::spawn(options(&database, database.administrator()).open()))
        .collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
    // And on one where something differs.
    run(
        &mut database.connect().await,
        "drop policy tenancy_tenant on notes; drop policy tenancy_tenant on events",
    )
    .await;
    let openers: Vec<_> = (0..6)
        .map(|_| tokio::spawn(options(&database, database.administrator()).open()))
        .collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
    let report = schema(&database).verify(&mut database.connect().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

/// A long report: its lock is weak, and what waits behind a strong one would wait as long as it.
async fn reader(database: &TestDatabase) -> PgConnection {
    let mut reader = database.connect().await;
    run(&mut reader, "begin; select count(*) from notes").await;
    reader
}

#[tokio::test]
async fn a_lock_that_is_held_ends_in_an_error() {
    let database = opened().await;
    let mut administrator = database.connect().await;
    run(
        &mut administrator,
        "alter table events disable row level security; drop policy tenancy_tenant on notes",
    )
    .await;
    let before = written(&database).await;
    let reader = reader(&database).await;
    let opening = options(&database, database.administrator())
        .with_lock_timeout(Duration::from_millis(20))
        .open();
    let error = tokio::time::timeout(Duration::from_secs(60), opening)
        .await
        .unwrap()
        .unwrap_err();
    let text = error.to_string();
    assert_eq!(
        text,
        "failed to lock the table \"public\".\"notes\" in 10 attempts: other sessions hold locks"
    );
    assert_eq!(written(&database).await, before);
    reader.close().await.unwrap();
    options(&database, database.administrator()).open().await.unwrap();
}

/// An attempt that fails is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_released_is_waited_for() {
    let database = opened().await;
    run(&mut database.connect().await, "drop policy tenancy_tenant on notes").await;
    let reader = reader(&database).await;
    let name = format!("opener of {}", database.application_role());
    let administrator = database.administrator().application_name(&name);
    let opening = tokio::spawn(
        options(&database, administrator)
            .with_lock_timeout(Duration::from_millis(200))
            .open(),
    );
    let mut watcher = database.connect().await;
    let waits = "select count(*) from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'";
    // One attempt begins to wait, and gives up.
    for waiting in [1, 0] {
        while sqlx::query_scalar::<_, i64>(waits)
            .bind(&name)
            .fetch_one(&mut watcher)
            .await
            .unwrap()
            != waiting
        {
            assert!(!opening.is_finished());
        }
    }
    reader.close().await.unwrap();
    opening.await.unwrap().unwrap();
}

/// `apply` leaves the caller's transaction as it was.
#[tokio::test]
async fn the_callers_settings_are_kept() {
    let database = opened().await;
    let mut connection = database.connect().await;
    run(&mut connection, "alter table notes disable row level security").await;
    let mut tx = connection.begin().await.unwrap();
    run(
        &mut tx,
        "set local search_path = \"Odd \"\"one\", public; set local lock_timeout = '7s'",
    )
    .await;
    schema(&database).apply(&mut tx).await.unwrap();
    let settings: (String, String) =
        sqlx::query_as("select current_setting('search_path'), current_setting('lock_timeout')")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    assert_eq!(settings, ("\"Odd \"\"one\", public".to_owned(), "7s".to_owned()));
    tx.rollback().await.unwrap();
    // It was the caller's to commit.
    let report = schema(&database).verify(&mut connection).await.unwrap();
    assert!(!report.is_clean());
}

/// The text for migrations comes to the same, and again changes nothing that it means.
#[tokio::test]
async fn the_text_comes_to_the_same() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, format!("{NOTES}; {TAGS}; {EVENTS}; {LINES}")).await;
    for _ in 0..2 {
        let mut tx = administrator.begin().await.unwrap();
        run(&mut tx, "set local search_path = public, pg_catalog").await;
        sqlx::raw_sql(AssertSqlSafe(schema(&database).sql()))
            .execute(&mut *tx)
            .await
            .unwrap();
        let path: String = sqlx::query_scalar("show search_path")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(path, "public, pg_catalog");
        tx.commit().await.unwrap();
        let report = schema(&database).verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{report}");
        // Nothing is left to be written.
        let before = written(&database).await;
        schema(&database).apply(&mut administrator).await.unwrap();
        assert_eq!(written(&database).await, before);
    }
    let mut application = database.application().connect().await.unwrap();
    let insert =
        r#"begin; set local app.tenant_id = 'acme'; insert into "Odd ""one"."Tags $tenancy$" default values; commit"#;
    run(&mut application, insert).await;
}

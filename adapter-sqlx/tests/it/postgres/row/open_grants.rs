//! Rights are given once. What an operator takes stays taken, and what goes beyond the declaration is found.

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tenancy_sqlx::{PgFault, PgRowStrategy, PgRowTables, PgTableGrants, PgTenantTable, StrategyError};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, code};

const LOG: &str =
    "create table audit_log (tenant_id text not null, id bigserial, body text, note text, primary key (tenant_id, id))";

fn log(grants: PgTableGrants) -> PgTenantTable {
    PgTenantTable::new("audit_log").unwrap().with_grants(grants)
}

/// The database with both tables, which nobody has been granted anything on.
async fn fresh() -> TestDatabase {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, format!("{NOTES}; {LOG}")).await;
    database
}

fn schema(database: &TestDatabase, log: PgTenantTable) -> PgRowTables {
    let notes = PgTenantTable::new("notes").unwrap();
    database.schema().with_table(notes).with_table(log)
}

async fn open(database: &TestDatabase, schema: PgRowTables) -> Result<(), StrategyError> {
    let options = PgRowStrategy::builder(database.server(), schema);
    options.open().await.map(drop)
}

async fn findings(database: &TestDatabase, schema: &PgRowTables) -> Vec<(PgFault, String, String)> {
    let report = schema.verify(&mut database.connect().await).await.unwrap();
    let findings = report.findings().iter();
    let told = findings.map(|finding| {
        let name = |text: &str| text.replace(database.application_role(), "APP");
        (finding.fault(), name(finding.object()), name(finding.mend()))
    });
    told.collect()
}

/// As the application, for the tenant `acme`.
async fn try_as_acme(database: &TestDatabase, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection: PgConnection = database.application().connect().await.unwrap();
    let sql = format!("begin; set local app.tenant_id = 'acme'; {sql}; rollback");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .map(drop)
}

const DENIED: &str = "42501";

#[tokio::test]
async fn what_is_revoked_stays_revoked() {
    for (revoke, missing) in [
        ("revoke update, delete on audit_log from APP", "update, delete"),
        ("revoke all on audit_log from APP", "select, insert, update, delete"),
        (
            "revoke update on audit_log from APP; grant update (body) on audit_log to APP",
            "update",
        ),
    ] {
        let database = fresh().await;
        let schema = schema(&database, log(PgTableGrants::default()));
        open(&database, schema.clone()).await.unwrap();
        try_as_acme(&database, "update audit_log set note = 'x'").await.unwrap();
        let revoke = revoke.replace("APP", database.application_role());
        run(&mut database.connect().await, revoke.clone()).await;
        open(&database, schema.clone()).await.unwrap();
        assert_eq!(
            code(try_as_acme(&database, "update audit_log set note = 'x'").await),
            DENIED,
            "{revoke}"
        );
        schema.apply(&mut database.connect().await).await.unwrap();
        run(&mut database.connect().await, schema.sql()).await;
        assert_eq!(
            code(try_as_acme(&database, "update audit_log set note = 'x'").await),
            DENIED,
            "{revoke}"
        );
        let object = format!("public.audit_log for {missing}");
        let mend = format!("grant {missing} on table public.audit_log to APP");
        assert_eq!(
            findings(&database, &schema).await,
            [(PgFault::GrantMissing, object, mend.clone())]
        );
        // Who wants it back says so.
        run(
            &mut database.connect().await,
            mend.replace("APP", database.application_role()),
        )
        .await;
        try_as_acme(&database, "update audit_log set note = 'x'").await.unwrap();
        assert_eq!(findings(&database, &schema).await, []);
    }
}

/// A revoke or a grant before the first start counts, of the owner's or others' rights and to columns alone.
#[tokio::test]
async fn a_table_with_grants_is_not_a_fresh_one() {
    for sql in [
        "revoke all on audit_log from APP",
        "grant select on audit_log to APP",
        "grant select (body) on audit_log to APP",
        "revoke truncate on audit_log from ADMIN",
        "alter default privileges grant select on tables to APP; drop table audit_log; LOG",
    ] {
        let database = fresh().await;
        let sql = sql
            .replace("APP", database.application_role())
            .replace("ADMIN", database.administrator_role())
            .replace("LOG", LOG);
        run(&mut database.connect().await, sql.clone()).await;
        // That the owner has lost or given something is all the same.
        let is_kept = "select relacl::text || coalesce((select string_agg(attacl::text, ',') from pg_attribute
            where attrelid = c.oid), '') from pg_class c where relname = 'audit_log'";
        let kept = async || -> Option<String> {
            sqlx::query_scalar(is_kept)
                .fetch_one(&mut database.connect().await)
                .await
                .unwrap()
        };
        let before = kept().await;
        let schema = schema(&database, log(PgTableGrants::default()));
        open(&database, schema.clone()).await.unwrap();
        assert_eq!(kept().await, before, "{sql}");
        run(&mut database.connect().await, schema.sql()).await;
        assert_eq!(kept().await, before, "{sql}");
    }
}

#[tokio::test]
async fn a_table_has_the_rights_that_are_declared() {
    let body = PgTableGrants::read_only().with_insert_of(["body", "note"]).unwrap();
    for (grants, refused, allowed) in [
        (
            PgTableGrants::append_only(),
            vec!["update audit_log set body = 'x'", "delete from audit_log"],
            vec!["insert into audit_log (body) values ('x')"],
        ),
        (
            PgTableGrants::read_only(),
            vec![
                "insert into audit_log default values",
                "select nextval('audit_log_id_seq')",
            ],
            vec!["select * from audit_log"],
        ),
        (
            PgTableGrants::none(),
            vec!["select * from audit_log"],
            vec!["select * from notes"],
        ),
        (
            body.with_update_of(["body"]).unwrap(),
            vec![
                "update audit_log set note = 'x'",
                "insert into audit_log (id) values (9)",
            ],
            vec![
                "update audit_log set body = 'x'",
                "insert into audit_log (body) values ('x')",
            ],
        ),
    ] {
        for by_text in [false, true] {
            let database = fresh().await;
            let schema = schema(&database, log(grants.clone()));
            if by_text {
                run(&mut database.connect().await, schema.sql()).await;
            } else {
                open(&database, schema.clone()).await.unwrap();
            }
            assert_eq!(findings(&database, &schema).await, [], "{grants:?}");
            for sql in &refused {
                assert_eq!(code(try_as_acme(&database, sql).await), DENIED, "{grants:?}: {sql}");
            }
            for sql in &allowed {
                try_as_acme(&database, sql).await.unwrap();
            }
        }
    }
}

/// Also where a role that the application's is a member of has it.
#[tokio::test]
async fn a_right_beyond_the_declaration_is_found() {
    let database = fresh().await;
    let columns = PgTableGrants::append_only().with_update_of(["body"]).unwrap();
    let schema = schema(&database, log(columns));
    open(&database, schema.clone()).await.unwrap();
    let between = format!("{}_between", database.application_role());
    // Makes a role.
    let mut superuser = database.superuser().await;
    let app = database.application_role();
    run(
        &mut superuser,
        format!("create role {between}; grant {between} to {app}"),
    )
    .await;
    for (grant, found) in [
        ("grant delete on audit_log to APP", "public.audit_log for DELETE"),
        ("grant update on audit_log to APP", "public.audit_log for UPDATE"),
        (
            "grant update (note, body) on audit_log to APP",
            "public.audit_log for UPDATE (note)",
        ),
        (
            "grant update (note) on audit_log to APP_between",
            "public.audit_log for UPDATE (note)",
        ),
    ] {
        let name = |text: &str| text.replace("APP", app);
        run(&mut database.connect().await, name(grant)).await;
        let told = findings(&database, &schema).await;
        let [(fault, object, mend)] = told.as_slice() else {
            panic!("{grant}: {told:?}")
        };
        assert_eq!((fault, object.as_str()), (&PgFault::Grant, found));
        let refused = open(&database, schema.clone()).await;
        assert!(matches!(refused, Err(StrategyError::UnsafeDatabase(_))), "{refused:?}");
        run(&mut database.connect().await, name(mend)).await;
        assert_eq!(findings(&database, &schema).await, [], "{grant}");
    }
    run(&mut superuser, format!("drop owned by {between}; drop role {between}")).await;
}

/// The first insert of an application needs the sequences of defaults, wherever they are.
#[tokio::test]
async fn sequences_of_defaults_can_be_used() {
    let database = TestDatabase::new().await;
    run(
        &mut database.connect().await,
        r#"create schema numbers; create sequence numbers."Next ""One"; grant usage on schema numbers to public;
        create table orders (tenant_id text not null, id serial, number bigint default nextval('numbers."Next ""One"'),
            line int generated by default as identity, primary key (tenant_id, id));
        create sequence unrelated"#,
    )
    .await;
    let orders = database.schema().with_table(PgTenantTable::new("orders").unwrap());
    open(&database, orders.clone()).await.unwrap();
    try_as_acme(&database, "insert into orders default values")
        .await
        .unwrap();
    assert_eq!(
        code(try_as_acme(&database, "select nextval('unrelated')").await),
        DENIED
    );
    let app = database.application_role();
    run(
        &mut database.connect().await,
        format!("revoke usage on sequence orders_id_seq from {app}"),
    )
    .await;
    open(&database, orders).await.unwrap();
    assert_eq!(
        code(try_as_acme(&database, "insert into orders default values").await),
        DENIED
    );
}

#[tokio::test]
async fn a_schema_is_opened_once() {
    let database = TestDatabase::new().await;
    let sql = r#"create schema "Shop ""1"; create table "Shop ""1".orders (tenant_id text not null primary key)"#;
    run(&mut database.connect().await, sql).await;
    let orders = PgTenantTable::new("orders").unwrap().with_schema("Shop \"1").unwrap();
    let orders = database.schema().with_table(orders);
    let insert = r#"insert into "Shop ""1".orders default values"#;
    open(&database, orders.clone()).await.unwrap();
    try_as_acme(&database, insert).await.unwrap();
    let app = database.application_role();
    run(
        &mut database.connect().await,
        format!("revoke usage on schema \"Shop \"\"1\" from {app}"),
    )
    .await;
    open(&database, orders.clone()).await.unwrap();
    run(&mut database.connect().await, orders.sql()).await;
    assert_eq!(code(try_as_acme(&database, insert).await), DENIED);
    let told = findings(&database, &orders).await;
    let expected = (
        PgFault::GrantMissing,
        "schema \"Shop \"\"1\"".to_owned(),
        "grant usage on schema \"Shop \"\"1\" to APP".to_owned(),
    );
    assert_eq!(told, [expected]);
}

//! `check`, `verify` and `adopt`, where there is something to find.

use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::support::Service;

fn as_administrator(service: &Service, sql: &str) {
    let database = service.database.as_ref().unwrap();
    service.runtime.block_on(async {
        let mut connection = database.administrator().connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    });
}

#[test]
fn a_finding_of_postgres_is_mended_by_what_is_printed() {
    let service = Service::postgres();
    service.run(["verify"]).ended(0);
    as_administrator(&service, "alter table notes no force row level security");
    let found = service.run(["verify", "--json"]).ended(3).document();
    assert_eq!(found["safe"], false);
    assert_eq!(found["findings"][0]["code"], "RowSecurityNotForced");
    assert_eq!(found["next"], serde_json::json!(["tenancy verify --fix-sql"]));
    let text = service.run(["verify"]).ended(3);
    assert!(text.stdout.contains("unsafe  RowSecurityNotForced"), "{text:?}");
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert!(
        checked["checks"].to_string().contains("RowSecurityNotForced"),
        "{checked}"
    );
    let mends = service.run(["verify", "--fix-sql"]).ended(3);
    as_administrator(&service, &mends.stdout);
    service.run(["verify"]).ended(0);
    service.run(["check"]).ended(0);
}

#[test]
fn a_finding_of_sqlite() {
    let service = Service::sqlite();
    let sql = "create table leaks (tenant_id text not null, body text)";
    service.runtime.block_on(async {
        let file = service.folder().join("data/shared.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    });
    let found = service.run(["verify", "--json"]).ended(3).document();
    assert_eq!(found["safe"], false);
    assert!(
        found["findings"][0]["message"].as_str().unwrap().contains("leaks"),
        "{found}"
    );
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert!(checked["checks"].to_string().contains("leaks"), "{checked}");
}

#[test]
fn tables_from_before_are_adopted() {
    let service = Service::empty_postgres();
    as_administrator(
        &service,
        "create table notes (id text primary key, body text not null); insert into notes values ('1', 'old')",
    );
    let migration = service.folder().join("migrations/row/0001_notes.sql");
    std::fs::write(migration, "create table if not exists notes (id text primary key);").unwrap();
    let printed = service.run(["adopt", "acme"]).ended(0);
    assert!(
        printed.stdout.contains("alter table") && printed.stdout.starts_with("-- "),
        "{printed:?}"
    );
    assert_eq!(
        service.json(["adopt", "acme"])["next"],
        serde_json::json!(["tenancy adopt acme --run"])
    );
    let refused = service.run(["adopt", "acme", "--run", "--json"]).ended(2).document();
    assert_eq!(refused["error"]["code"], "confirmation_required");
    let adopted = service.json(["adopt", "acme", "--run", "--yes"]);
    assert_eq!(adopted["changed"], true);
    assert_eq!(service.json(["adopt", "acme", "--run", "--yes"])["changed"], false);
    service.run(["init"]).ended(0);
    service.run(["tenant", "create", "acme", "--strategy", "row"]).ended(0);
    let rows = service.json(["sql", "acme", "--command", "select body from notes"]);
    assert_eq!(rows["rows"], serde_json::json!([{ "body": "old" }]));
}

#[test]
fn what_cannot_be_adopted_is_a_finding() {
    let service = Service::empty_postgres();
    as_administrator(
        &service,
        "create table notes (id text primary key); create table others (note text references notes)",
    );
    let found = service.run(["adopt", "acme", "--json"]).ended(3).document();
    assert_ne!(found["findings"], serde_json::json!([]), "{found}");
    let sqlite = Service::sqlite();
    let refused = sqlite.run(["adopt", "acme", "--json"]).ended(2).document();
    assert_eq!(refused["error"]["code"], "usage");
}

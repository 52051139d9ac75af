//! What shows tenants' rows beside the views is found, and nothing else is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::{TempDir, tempdir};
use tenancy_sqlx::{
    SqliteRowBuilder, SqliteRowStrategy, StrategyError, StrategyRegistry, TenantDb, TenantTable, UnsafeSchema,
};

use crate::across::AcrossTenants as _;
use crate::common::*;

/// Two declared tables and a shared one with an `id` and a `name`.
const TABLES: &str = "
    create table order_rows (tenant_id text not null, id text not null, body text, length generated always as (length(body)),
        primary key (tenant_id, id));
    create table log_rows (tenant_id text not null, id text not null, body text, primary key (tenant_id, id)) without rowid;
    create table countries (id text primary key, name text);
    create table border_rows_archive (id text primary key, order_rows text);";

async fn options(dir: &TempDir, sql: &str) -> SqliteRowBuilder {
    let file = dir.path().join("rows.sqlite");
    let create = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = create.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("{TABLES}{sql}")))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
    SqliteRowStrategy::builder(file)
        .with_table(TenantTable::new("orders", "order_rows").unwrap())
        .with_table(TenantTable::new("log", "log_rows").unwrap())
}

async fn open(sql: &str) -> Result<(), UnsafeSchema> {
    let dir = tempdir().unwrap();
    match options(&dir, sql).await.open().await {
        Ok(_) => Ok(()),
        Err(StrategyError::UnsafeSchema(refused)) => Err(refused),
        Err(other) => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn a_view_that_reads_a_base_table_is_refused_however_it_is_written() {
    for sql in [
        "create view v as select id from order_rows",
        "create view v as select id from ORDER_Rows",
        "create view v as select id from main.order_rows",
        "create view v as select id from \"order_rows\"",
        "create view v as select id from [order_rows]",
        "create view v as select id from `order_rows`",
        "create view v as select id from 'order_rows'",
        "create view v as select id from/**/order_rows--",
        "create view v as select count(*) from order_rows",
        "create view v as select name, (select max(body) from order_rows) from countries",
        "create view v as select name from countries where id in (select id from log_rows)",
        "create view v as select 1 from countries where exists (select 1 from order_rows where id = 'a' or body = 'b')",
        "create view v as with x as (select * from order_rows) select body from x",
        "create view v as select name from countries union all select body from log_rows",
        "create view v as select name from countries join order_rows using (id)",
        "create view \"odd \"\"name\"\"\" as select id from order_rows",
    ] {
        let refused = open(sql).await;
        assert!(
            matches!(refused, Err(UnsafeSchema::LeakingView { .. })),
            "{sql}: {refused:?}"
        );
    }
    let inner = open("create view a as select id from order_rows; create view b as select id from a").await;
    let Err(UnsafeSchema::LeakingView { table, .. }) = inner else {
        panic!("{inner:?}")
    };
    assert_eq!(table, "order_rows");
}

#[tokio::test]
async fn a_virtual_table_that_reads_a_base_table_is_refused_however_it_is_written() {
    for sql in [
        "create virtual table f using fts5(body, content='order_rows')",
        "create virtual table f using FTS5(body, content = \"Order_Rows\")",
        "create virtual table f using fts5(body, c=order_rows)",
        "create virtual table f using fts5(body, content=[order_rows], content_rowid='rowid')",
        "create virtual table f using fts4(content=\"order_rows\", body)",
        "create virtual table f using fts4(content=`order_rows`, body)",
        "create virtual table f using fts4(body, content='order_rows' )",
    ] {
        let refused = open(sql).await;
        assert!(
            matches!(refused, Err(UnsafeSchema::LeakingView { .. })),
            "{sql}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_trigger_that_carries_rows_elsewhere_is_refused() {
    let fts = "create virtual table f using fts5(body);";
    let contentless = "create virtual table f using fts5(body, content='');";
    let fts4 = "create virtual table f using fts4(body);";
    let rtree = "create virtual table f using rtree(id, low, high);";
    let audit = "create table audit (entry text);";
    for (target, sql) in [
        ("f", format!("{fts} create trigger t after insert on order_rows begin insert into f (body) values (new.body); end")),
        ("f", format!("{contentless} create trigger t after insert on order_rows begin insert into f (rowid, body) values (1, new.body); end")),
        ("f", format!("{fts4} create trigger t after update of body on order_rows begin insert into f (body) values (new.body); end")),
        ("f", format!("{rtree} create trigger t after insert on order_rows begin insert into f values (1, length(new.body), 9); end")),
        ("audit", format!("{audit} create trigger t after delete on Order_Rows begin insert into \"audit\" values (old.body); end")),
        ("audit", format!("{audit} create trigger t before update of \"id\", body on order_rows when 0 begin insert into audit values (old.id); end")),
        ("audit", format!("{audit} create trigger t after insert on log_rows begin insert into [AUDIT] select max(body) from order_rows; end")),
        ("audit", format!("{audit} create trigger t after insert on order_rows begin update audit set entry = new.body; end")),
        ("audit", format!("{audit} create trigger t after insert on order_rows begin replace into audit values (new.body); end")),
        ("countries", "create trigger t after insert on order_rows begin insert into countries values (new.id, new.body) on conflict do nothing; end".to_owned()),
        // By way of another declared table, of a view that takes rows, and of a table that is shared.
        ("audit", format!("{audit} create trigger s after insert on order_rows begin insert into log_rows values (new.tenant_id, new.id, new.body); end;
            create trigger t after insert on log_rows begin insert into audit values (new.body); end")),
        ("audit", format!("{audit} create view inbox as select 1 as entry;
            create trigger s after insert on order_rows begin insert into inbox values (new.body); end;
            create trigger t instead of insert on inbox begin insert into audit values (new.entry); end")),
        ("audit", format!("{audit} create trigger t after insert on countries begin insert into audit select body from order_rows; end")),
        ("countries", "create trigger t after insert on countries begin update countries set name = (select max(body) from order_rows) where id = new.id; end".to_owned()),
        ("audit", format!("{audit} create view inbox as select 1 as entry;
            create trigger s after insert on countries begin insert into inbox select body from order_rows; end;
            create trigger t instead of insert on inbox begin insert into audit values (new.entry); end")),
        // Beside a trigger on another column that does not compile.
        ("audit", format!("{audit} create trigger s after update of id on order_rows begin insert into gone values (1); end;
            create trigger t after update of body on order_rows begin insert into audit values (new.body); end")),
    ] {
        let refused = open(&sql).await;
        let Err(UnsafeSchema::LeakingTrigger { trigger, target: found, .. }) = &refused else {
            panic!("{sql}: {refused:?}")
        };
        assert_eq!((trigger.as_str(), found.as_str()), ("t", target), "{sql}");
    }
}

#[tokio::test]
async fn what_only_looks_like_it_opens() {
    for sql in [
        "create view v as select * from border_rows_archive",
        "create view v as select order_rows from border_rows_archive",
        "create view v as select 'order_rows' as source, name from countries",
        "create view v as select name as order_rows from countries /* from order_rows */ -- join order_rows",
        "create view v as with order_rows as (select name from countries) select * from order_rows",
        "create view v as select order_rows.name from countries as order_rows",
        "create view order_rows_by_country as select name from countries",
        "create view v as select * from not_there",
        "create view v as select no_such_function(name) from countries",
        "create virtual table f using fts5(name, content='countries', content_rowid='rowid')",
        "create virtual table order_rows_fts using fts5(order_rows)",
        "create virtual table f using fts5(name, tokenize = \"unicode61 tokenchars '_'\" /* order_rows */)",
        "create virtual table f using rtree(id, low, high)",
        "create virtual table f using fts5(name); create virtual table words using fts5vocab(f, row);
         create view v as select * from f; create view w as select * from f_content",
        "create table audit (entry text);
         create trigger t after insert on countries begin insert into audit values ('order_rows'); end",
        // Between declared tables, and a check that lets nothing out.
        "create trigger t after insert on order_rows begin insert into log_rows values (new.tenant_id, new.id, new.body); end",
        "create trigger t after delete on order_rows begin delete from log_rows where tenant_id = old.tenant_id and id = old.id; end;
         create trigger u after update on order_rows begin update log_rows set body = new.body where tenant_id = new.tenant_id and id = new.id; end",
        "create trigger t before delete on countries begin select raise(abort, 'in use') from order_rows where body = old.id; end",
        "create trigger t before insert on order_rows when new.body = '' begin select raise(abort, 'empty'); end",
        // Deleting a country reads what refers to it: that is a check of a key, and no trigger.
        "create table visits (tenant text, id text references countries on delete cascade);
         create table audit (entry text);
         create trigger t after delete on countries begin insert into audit values (old.name); end",
    ] {
        let opened = open(sql).await;
        assert!(opened.is_ok(), "{sql}: {opened:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_checked_carries_nothing() {
    let dir = tempdir().unwrap();
    let options = options(
        &dir,
        "create table visit_rows (tenant_id text not null, id text, country text references countries, primary key (tenant_id, id));
         create table audit (entry text);
         create trigger t after delete on countries begin insert into audit values (old.name); delete from countries where name = old.name; end",
    );
    let visits = TenantTable::new("visits", "visit_rows").unwrap();
    let rows = options.await.with_table(visits).open().await.unwrap();
    // Foreign keys, which are off during the proof, are on where tenants write.
    let db = TenantDb::new(StrategyRegistry::new().with(rows).unwrap());
    let mut tx = db.begin(&row_tenant("a")).await.unwrap();
    let dangling = run(&mut tx, "insert into visits (id, country) values ('1', 'nowhere')").await;
    assert!(dangling.unwrap_err().to_string().contains("FOREIGN KEY"));
}

#[tokio::test]
async fn what_is_exposed_by_name_opens_and_is_shared() {
    let sql = "create virtual table search using fts5(body);
        create trigger t after insert on order_rows begin insert into search (body) values (new.body); end;
        create view Everything as select body from order_rows;
        create table history (tenant_id text, entry text)";
    let dir = tempdir().unwrap();
    let exposed = |options: SqliteRowBuilder, names: &[&str]| {
        names
            .iter()
            .fold(options, |options, name| options.dangerously_expose(*name))
    };
    let all = options(&dir, sql).await;
    let rows = exposed(all, &["SEARCH", "everything", "history"]).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(rows).unwrap());
    let mut tx = db.begin(&row_tenant("a")).await.unwrap();
    run(&mut tx, "insert into orders (id, body) values ('1', 'of a')")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin(&row_tenant("b")).await.unwrap();
    assert_eq!(
        texts(&mut tx, "select body from search union all select body from everything").await,
        ["of a", "of a"]
    );
    for one in [
        ["search", "everything"],
        ["search", "history"],
        ["everything", "history"],
    ] {
        let dir = tempdir().unwrap();
        let opened = exposed(options(&dir, sql).await, &one).open().await;
        assert!(
            matches!(opened, Err(StrategyError::UnsafeSchema(_))),
            "{one:?}: {opened:?}"
        );
    }
}

#[tokio::test]
async fn a_trigger_writes_rows_of_the_transactions_tenant_only() {
    let dir = tempdir().unwrap();
    let sql = "insert into countries values ('x', 'old'); insert into order_rows (tenant_id, id, body) values ('b', '1', 'x');
        create trigger right after insert on order_rows when new.body = 'right'
            begin insert into log_rows values (new.tenant_id, new.id, new.body); end;
        create trigger wrong after insert on order_rows when new.body = 'wrong'
            begin insert into log_rows values ('b', new.id, new.body); end;
        create trigger moved after insert on order_rows when new.body = 'moved'
            begin update log_rows set tenant_id = 'b'; end;
        create trigger renamed after update on countries begin update order_rows set body = new.name where body = new.id; end;
        create trigger dropped after delete on countries begin delete from order_rows where body = old.id; end;";
    let rows = options(&dir, sql).await.open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(rows).unwrap());
    let mut tx = db.begin(&row_tenant("a")).await.unwrap();
    run(&mut tx, "insert into orders (id, body) values ('1', 'right')")
        .await
        .unwrap();
    assert_eq!(texts(&mut tx, "select body from log").await, ["right"]);
    for sql in [
        "insert into orders (id, body) values ('2', 'wrong')",
        "insert or ignore into orders (id, body) values ('3', 'moved')",
        "update countries set name = 'new'",
        "delete from countries",
    ] {
        let error = run(&mut tx, sql).await.unwrap_err().to_string();
        assert!(error.contains("a row of another tenant"), "{sql}: {error}");
    }
    tx.commit().await.unwrap();
    // An administrator's work on all tenants is not bound to one.
    let mut tx = db.across_tenants().await.unwrap();
    run(&mut tx, "update countries set name = 'new'").await.unwrap();
    assert_eq!(
        texts(&mut tx, "select tenant_id || body from order_rows order by 1").await,
        ["aright", "bnew"]
    );
}

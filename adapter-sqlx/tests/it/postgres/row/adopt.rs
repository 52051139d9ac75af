//! Tables with rows from before there were tenants.

use sqlx::AssertSqlSafe;
use tenancy_sqlx::{AdoptError, PgRowStrategy, PgRowTables, PgTenantTable, StrategyRegistry, TenantDb};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, code, tenant};

/// Keys of every kind, and foreign keys with every action that can be kept.
const BEFORE: &str = "
create table authors (id serial primary key, email text not null, constraint one_email unique (email) include (id));
create table books (
    isbn text, edition int, author int references authors on delete restrict on update cascade,
    title text not null, primary key (isbn, edition)
);
create unique index one_title on books (lower(title) text_pattern_ops desc) where edition = 1;
create unique index one_author_and_title on books (author, title) nulls not distinct;
create table reviews (
    id uuid primary key default gen_random_uuid(), isbn text, edition int, parent uuid,
    constraint of_book foreign key (isbn, edition) references books on delete set null
        deferrable initially deferred,
    constraint of_parent foreign key (parent) references reviews (id) match full on delete cascade
);
create view titles with (security_invoker = true) as select title from books;
insert into authors (email) values ('a@example.com'), ('b@example.com');
insert into books values ('1', 1, 1, 'One'), ('1', 2, 1, 'One again'), ('2', 1, 2, 'Two');
insert into reviews (isbn, edition) values ('1', 1), ('2', 1);
insert into reviews (parent) select id from reviews";

fn schema(database: &TestDatabase) -> PgRowTables {
    let tables = ["authors", "books", "reviews"].map(|name| PgTenantTable::new(name).unwrap());
    tables.into_iter().fold(database.schema(), PgRowTables::with_table)
}

async fn open(database: &TestDatabase) -> TenantDb<sqlx::Postgres> {
    let row = PgRowStrategy::builder(database.server(), schema(database));
    // It proves that no key and no foreign key is left without the tenant.
    TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap())
}

async fn count(db: &TenantDb<sqlx::Postgres>, id: &str) -> i64 {
    let mut tx = db.begin_read(&tenant(id)).await.unwrap();
    let sql = "select (select count(*) from authors) + (select count(*) from books) + (select count(*) from reviews)";
    sqlx::query_scalar(sql).fetch_one(&mut *tx).await.unwrap()
}

/// Names and texts of all keys, indexes and columns.
async fn shape(database: &TestDatabase) -> Vec<String> {
    let sql =
        "select pg_get_constraintdef(oid) || conname from pg_constraint where connamespace = 'public'::regnamespace
        union all select indexdef from pg_indexes where schemaname = 'public'
        union all select table_name || column_name || data_type || is_nullable || coalesce(column_default, '')
            from information_schema.columns where table_schema = 'public'
        union all select tablename || policyname from pg_policies order by 1";
    sqlx::query_scalar(sql)
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn rows_that_are_there_become_the_first_tenants() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, BEFORE).await;
    let first = "acme".parse().unwrap();
    schema(&database).adopt(&first, &mut administrator).await.unwrap();
    let adopted = shape(&database).await;
    schema(&database).adopt(&first, &mut administrator).await.unwrap();
    assert_eq!(shape(&database).await, adopted);
    // Only the policies are left to say, and nothing is filled or read again.
    let again = schema(&database)
        .adoption_sql(&first, &mut administrator)
        .await
        .unwrap();
    let updates = again.lines().filter(|line| line.starts_with("update ")).count();
    assert_eq!(
        (updates, again.contains("drop constraint"), again.contains("add column")),
        (0, false, false)
    );

    let db = open(&database).await;
    assert_eq!((count(&db, "acme").await, count(&db, "globex").await), (2 + 3 + 4, 0));
    for kept in [
        "PRIMARY KEY (tenant_id, isbn, edition)books_pkey",
        "UNIQUE (tenant_id, email) INCLUDE (id)one_email",
        "FOREIGN KEY (tenant_id, author) REFERENCES authors(tenant_id, id) ON UPDATE CASCADE ON DELETE RESTRICTbooks_author_fkey",
        "FOREIGN KEY (tenant_id, isbn, edition) REFERENCES books(tenant_id, isbn, edition) ON DELETE SET NULL (isbn, edition) DEFERRABLE INITIALLY DEFERREDof_book",
        "FOREIGN KEY (tenant_id, parent) REFERENCES reviews(tenant_id, id) ON DELETE CASCADEof_parent",
        "CREATE UNIQUE INDEX one_title ON public.books USING btree (tenant_id, lower(title) text_pattern_ops DESC) WHERE (edition = 1)",
        "CREATE UNIQUE INDEX one_author_and_title ON public.books USING btree (tenant_id, author, title) NULLS NOT DISTINCT",
    ] {
        assert!(adopted.iter().any(|line| line == kept), "{kept} is not in {adopted:#?}");
    }
    // Another tenant has the same keys, refers to its own rows, and to nobody else's.
    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    let same = "insert into authors (id, email) values (1, 'a@example.com');
        insert into books (isbn, edition, author, title) values ('1', 1, 1, 'One');
        insert into reviews (isbn, edition) values ('1', 1)";
    run(&mut tx, same).await;
    tx.commit().await.unwrap();
    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    let foreign = "insert into books (isbn, edition, author, title) values ('9', 9, 2, 'Nine')";
    assert_eq!(code(sqlx::raw_sql(foreign).execute(&mut *tx).await), "23503");
    drop(tx);
    // Its rows go, and the first tenant's stay, with what refers to them.
    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    run(&mut tx, "delete from books").await;
    let cleared: (i64, String) = sqlx::query_as("select count(*), min(tenant_id) from reviews where isbn is null")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(cleared, (1, "globex".to_owned()));
    tx.commit().await.unwrap();
    assert_eq!(count(&db, "acme").await, 9);
}

#[tokio::test]
async fn a_column_that_is_there_is_filled() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, BEFORE).await;
    let sql = "alter table authors add column tenant_id text; update authors set tenant_id = 'globex' where id = 2;
        update books set author = null";
    run(&mut administrator, sql).await;
    schema(&database)
        .adopt(&"acme".parse().unwrap(), &mut administrator)
        .await
        .unwrap();
    let db = open(&database).await;
    assert_eq!((count(&db, "acme").await, count(&db, "globex").await), (8, 1));
}

#[tokio::test]
async fn what_needs_a_decision_is_refused_and_nothing_is_changed() {
    for (sql, named) in [
        (
            "create table loans (author int references authors)",
            "loans_author_fkey on loans",
        ),
        ("create table old_authors () inherits (authors)", "public.authors"),
        ("alter table authors add column tenant_id uuid", "public.authors"),
        ("drop table reviews", "public.reviews"),
        (
            "delete from reviews; delete from books where isbn = '2'; alter table books add constraint no_overlap exclude using gist (int4range(edition, edition + 1) with &&)",
            "no_overlap on public.books",
        ),
        (
            "alter table reviews drop constraint of_book, add constraint of_book
                foreign key (isbn, edition) references books match full",
            "of_book on public.reviews",
        ),
        (
            "alter table reviews drop constraint of_book, add constraint of_book
                foreign key (isbn, edition) references books on update set null",
            "of_book on public.reviews",
        ),
    ] {
        let database = TestDatabase::new().await;
        let mut administrator = database.connect().await;
        run(&mut administrator, BEFORE).await;
        run(&mut administrator, sql).await;
        let before = shape(&database).await;
        match schema(&database)
            .adopt(&"acme".parse().unwrap(), &mut administrator)
            .await
        {
            Err(AdoptError::Refused { object, .. }) => assert_eq!(object, named),
            other => panic!("{sql}: {other:?}"),
        }
        assert_eq!(shape(&database).await, before, "{sql}");
    }
}

/// A failure in the middle leaves everything as it was.
#[tokio::test]
async fn a_failure_changes_nothing() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, BEFORE).await;
    // A review of another tenant than the book's: the foreign keys are added behind all else but the policies.
    let sql = "alter table reviews add column tenant_id text; update reviews set tenant_id = 'acme';
        insert into reviews (tenant_id, isbn, edition) values ('globex', '1', 1)";
    run(&mut administrator, sql).await;
    let before = shape(&database).await;
    let refused = schema(&database)
        .adopt(&"acme".parse().unwrap(), &mut administrator)
        .await;
    match refused {
        Err(AdoptError::Refused { object, .. }) => assert_eq!(object, "of_book on reviews"),
        other => panic!("{other:?}"),
    }
    assert_eq!(shape(&database).await, before);
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe("select count(*) from authors"))
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(rows, 2);
}

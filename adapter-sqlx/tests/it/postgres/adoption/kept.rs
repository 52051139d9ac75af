//! All that a key has beside its columns is kept.

use crate::postgres::adoption::before_and_after::{adopt, before, declared, shape, texts, without_tenant};
use crate::postgres::support::schema_server::run;

/// Each with tables `a` and, if there is one, `b`.
pub(crate) const SHAPES: &[&str] = &[
    // A primary key and a foreign key.
    "create table a (id int primary key); create table b (id int primary key, a int references a)",
    // What a foreign key can say.
    "create table a (id int primary key, code text unique);
        create table b (id int primary key, a int, code text,
            constraint two foreign key (code) references a (code) on update cascade);
        insert into b values (1, 7, null);
        alter table b add constraint one foreign key (a) references a on delete cascade on update restrict
            deferrable initially deferred not valid",
    // Comments on everything.
    "create table a (id int primary key, code text); create unique index codes on a (code);
        create table b (id int primary key, a int constraint of_a references a);
        comment on table a is 'table'; comment on constraint a_pkey on a is 'It''s the \\key';
        comment on index a_pkey is 'index'; comment on index codes is 'codes';
        comment on constraint of_a on b is 'foreign; key'",
    // What a unique key can say.
    "create table a (id int primary key with (fillfactor = 71), code text not null, kind text not null,
            constraint codes unique nulls not distinct (code) include (kind) with (fillfactor = 55)
                deferrable initially deferred);
        create unique index kinds on a (lower(kind) text_pattern_ops desc nulls last, code collate \"C\") include (id)
            nulls not distinct with (fillfactor = 60, deduplicate_items = off) where kind <> '(';
        alter index kinds alter column 1 set statistics 321",
    // What a table is clustered and replicated by.
    "create table a (id int primary key, code text not null); create unique index codes on a (code);
        alter table a cluster on a_pkey; alter table a replica identity using index codes",
    "create table a (id int primary key) with (fillfactor = 44); alter table a replica identity full",
    "create table a (id int primary key); alter table a replica identity nothing",
    "create table a (\"Odd, \"\"(name\" int, constraint \"A(\"\"B, c\" unique (\"Odd, \"\"(name\"));
        create table b (id int, constraint \"F) REFERENCES (\" foreign key (id) references a (\"Odd, \"\"(name\"))",
];

#[tokio::test]
async fn keys_differ_by_the_tenant_alone() {
    for sql in SHAPES {
        let database = before(sql).await;
        let mut administrator = database.connect().await;
        let was = shape(&mut administrator).await;
        let names: &[&str] = if sql.contains("table b") { &["a", "b"] } else { &["a"] };
        let tables = declared(&database, names);
        // What is not valid, and a row that refers to nothing, stays so.
        adopt(&database, &tables)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let is = shape(&mut administrator).await;
        assert_eq!(
            without_tenant(&is, "tenant_id"),
            without_tenant(&was, "tenant_id"),
            "{sql}"
        );
        assert_ne!(is, was);
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{sql}: {report}");
        // Nothing is left to do.
        assert!(!adopt(&database, &tables).await.unwrap().has_changed(), "{sql}");
    }
}

/// An index that is not in the database's own tablespace.
#[tokio::test]
async fn an_index_stays_in_its_tablespace() {
    let database = before("create table a (id int primary key, code text)").await;
    // Only a superuser makes tablespaces.
    let mut superuser = database.superuser().await;
    let space = database.named("DATABASE_space");
    run(&mut superuser, "set allow_in_place_tablespaces = on").await;
    run(&mut superuser, format!("create tablespace {space} location ''")).await;
    let owner = database.administrator_role();
    run(&mut superuser, format!("grant create on tablespace {space} to {owner}")).await;
    let mut administrator = database.connect().await;
    let sql =
        format!("alter index a_pkey set tablespace {space}; create unique index codes on a (code) tablespace {space}");
    run(&mut administrator, sql).await;
    let was = shape(&mut administrator).await;
    let adopted = adopt(&database, &declared(&database, &["a"])).await;
    let is = shape(&mut administrator).await;
    run(&mut administrator, "drop table a").await;
    run(&mut superuser, format!("drop tablespace {space}")).await;
    adopted.unwrap();
    assert!(was.iter().any(|line| line.contains(&space)));
    assert_eq!(without_tenant(&is, "tenant_id"), was);
}

/// What is published can be updated afterwards.
#[tokio::test]
async fn a_published_table_takes_updates() {
    for identity in [
        "alter table a replica identity using index codes",
        "alter table a replica identity default",
        "alter table a replica identity full",
    ] {
        let sql = format!(
            "create table a (id int primary key, code text not null); create unique index codes on a (code);
            insert into a values (1, 'one'); create publication p for table a where (id > 0); {identity}"
        );
        let sql = if identity.contains("index") {
            sql.replace("(id > 0)", "(code <> '')")
        } else {
            sql
        };
        let database = before(&sql).await;
        adopt(&database, &declared(&database, &["a"])).await.unwrap();
        let mut administrator = database.connect().await;
        run(&mut administrator, "update a set code = 'two'").await;
        assert_eq!(texts(&mut administrator, "select code from a").await, ["two"]);
    }
}

//! Partitioned tables: the column is in the keys of all partitions, which nobody can name.

use crate::postgres::adoption::before_and_after::{
    adopt, as_tenant, before, declared, open, shape, texts, without_tenant,
};
use crate::postgres::support::schema_server::run;

/// Two levels, keys on each, foreign keys from and to them, and a partition of another order of columns.
pub(crate) const EVENTS: &str = "
create table kinds (name text primary key); insert into kinds values ('k');
create table events (id bigint not null, at int not null, kind text not null constraint of_kind references kinds,
    constraint events_pkey primary key (id, at, kind), constraint one_kind unique (at, kind, id) include (id))
    partition by range (at);
create table events_2025 partition of events for values from (2025) to (2026);
create table events_2026 partition of events for values from (2026) to (2027) partition by list (kind);
create table \"Events of k\" (kind text not null, junk int, at int not null, id bigint not null);
alter table \"Events of k\" drop column junk;
alter table events_2026 attach partition \"Events of k\" for values in ('k');
create unique index by_kind on events (at desc, kind text_pattern_ops, id) with (fillfactor = 50);
alter index events_2025_pkey rename to \"The key, of 2025\";
comment on index \"The key, of 2025\" is 'renamed';
alter table events_2025 add constraint alone unique (id) with (fillfactor = 33), replica identity using index alone,
    cluster on \"The key, of 2025\";
create table marks (id int primary key, event bigint, at int, kind text,
    constraint of_event foreign key (event, at, kind) references events on delete cascade);
insert into events values (1, 2025, 'k'), (2, 2026, 'k'); insert into marks values (1, 1, 2025, 'k');
grant select, insert on events, events_2025 to APP; grant select on \"Events of k\" to public;
grant update (kind) on events_2026 to APP;
";

#[tokio::test]
async fn all_partitions_are_adopted() {
    let database = before(EVENTS).await;
    let mut administrator = database.connect().await;
    let was = shape(&mut administrator).await;
    let tables = declared(&database, &["kinds", "events", "marks"]);
    let adoption = adopt(&database, &tables).await.unwrap();
    assert!(adoption.report().is_safe(), "{adoption}");
    let is = shape(&mut administrator).await;
    assert_eq!(without_tenant(&is, "tenant_id"), without_tenant(&was, "tenant_id"));
    assert!(!adopt(&database, &tables).await.unwrap().has_changed());
    let db = open(&database, tables).await;
    let count = "select count(*) from events";
    assert_eq!(as_tenant(&db, "acme", count).await.unwrap(), ["2"]);
    assert_eq!(as_tenant(&db, "globex", count).await.unwrap(), ["0"]);
    // The same keys, for another tenant.
    let same = "insert into kinds values ('k'); insert into events values (1, 2025, 'k'), (2, 2026, 'k');
        insert into marks values (1, 1, 2025, 'k'); select count(*) from marks";
    assert_eq!(as_tenant(&db, "globex", same).await.unwrap(), ["1"]);
    for partition in ["events_2025", "events_2026", "\"Events of k\""] {
        let refused = as_tenant(&db, "globex", &format!("select count(*) from {partition}")).await;
        assert!(refused.is_err(), "{partition}");
    }
    run(&mut administrator, "update events_2025 set kind = kind").await;
    let tenants = "select distinct tenant_id from events_2025 order by 1";
    assert_eq!(texts(&mut administrator, tenants).await, ["acme", "globex"]);
}

/// Nullable in the whole, and filled in partitions of every depth.
#[tokio::test]
async fn a_column_that_is_there_is_filled_in_partitions() {
    let database = before(
        "create table events (id int, at int, tenant_id text, primary key (id, at)) partition by range (at);
        create table events_1 partition of events for values from (1) to (2) partition by range (id);
        create table events_1_1 partition of events_1 default;
        insert into events values (1, 1, null), (2, 1, 'globex')",
    )
    .await;
    let tables = declared(&database, &["events"]);
    adopt(&database, &tables).await.unwrap();
    let rows = texts(
        &mut database.connect().await,
        "select concat(id, tenant_id) from events order by id",
    )
    .await;
    assert_eq!(rows, ["1acme", "2globex"]);
    open(&database, tables).await;
}

/// A row that the tenant's column places is in another partition afterwards, and no trigger saw it go.
#[tokio::test]
async fn a_table_that_is_partitioned_by_its_tenants_is_adopted() {
    let database = before(
        "create table events (id int, tenant_id text) partition by list (tenant_id);
        create table events_acme partition of events for values in ('acme');
        create table events_none partition of events default;
        create function forbid() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$;
        insert into events values (1, null);
        create trigger forbids before delete or update or insert on events for each row execute function forbid()",
    )
    .await;
    let tables = declared(&database, &["events"]);
    adopt(&database, &tables).await.unwrap();
    let rows = texts(&mut database.connect().await, "select id::text from events_acme").await;
    assert_eq!(rows, ["1"]);
    open(&database, tables).await;
}

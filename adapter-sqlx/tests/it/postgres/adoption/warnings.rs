//! What an adoption cannot see through is named.

use tenancy_sqlx::PgAdoptionHazard;

use crate::postgres::adoption::before_and_after::{adopt, as_tenant, before, declared, open};

const BEFORE: &str = "
create table kinds (id int primary key, name text unique, hits int not null default 0);
create table notes (id int primary key, kind int references kinds);
";

/// Each with what is named, if anything is.
const HAZARDS: &[(&str, &[(PgAdoptionHazard, &str)])] = &[
    (
        "create function hit(given text) returns void language plpgsql as $$ begin
            insert into public.kinds (id, name) values (1, given) ON /* the name */ Conflict -- target
                (name) do update set hits = kinds.hits + 1; end $$",
        &[(PgAdoptionHazard::Upsert, "public.hit(text)")],
    ),
    (
        "create function hit() returns trigger language plpgsql as $$ begin
            insert into kinds (id) values (new.kind) on conflict (id) do nothing; return new; end $$;
        create trigger hits before insert on notes for each row execute function hit()",
        &[(PgAdoptionHazard::Upsert, "public.hit()")],
    ),
    (
        "create procedure hit(given text) language sql begin atomic
            insert into kinds (id, name) values (1, given) on conflict (name) do nothing; end",
        &[(PgAdoptionHazard::Upsert, "public.hit(text)")],
    ),
    (
        "create function counts() returns table (name text, n bigint) language sql as
            'select k.name, count(*) from kinds k join notes n on n.kind = k.id group by k.id'",
        &[(PgAdoptionHazard::GroupBy, "public.counts()")],
    ),
    (
        "create materialized view totals as select count(*) from notes;
        create view shown as select * from notes; create view of_shown as select * from shown",
        &[
            (PgAdoptionHazard::MaterializedView, "public.totals"),
            (PgAdoptionHazard::ViewAsOwner, "public.of_shown"),
            (PgAdoptionHazard::ViewAsOwner, "public.shown"),
        ],
    ),
    // A policy of the application's own, which ours widens. A restrictive one holds beside ours.
    (
        "alter table notes enable row level security;
        create policy own on notes to APP using (id = 1);
        create policy \"Read\" on notes for select to APP using (id = 2);
        create policy narrows on notes as restrictive to APP using (id < 9);
        create policy of_admin on notes to ADMIN using (true)",
        &[
            (PgAdoptionHazard::PermissivePolicy, "\"Read\" on public.notes"),
            (PgAdoptionHazard::PermissivePolicy, "own on public.notes"),
        ],
    ),
    // They survive, or are about something else.
    (
        "create function survives(given text) returns void language plpgsql as $$ begin
            insert into public.kinds (id, name) values (1, given) on conflict on constraint kinds_name_key do nothing;
            insert into public.kinds (id, name) values (1, given) on conflict do nothing;
            insert into public.kinds (id, name) values (1, given) on conflict (tenant_id, name) do nothing;
            perform name, count(*) from kinds group by name; end $$;
        create function of_others() returns void language plpgsql as $$ begin
            insert into log (line) values ('') on conflict (line) do nothing; end $$;
        create view invoked with (security_invoker = true) as select * from notes",
        &[],
    ),
];

#[tokio::test]
async fn what_may_work_otherwise_is_named() {
    for (sql, expected) in HAZARDS {
        let database = before(&format!("{BEFORE} {sql}")).await;
        let tables = declared(&database, &["kinds", "notes"]);
        let adoption = adopt(&database, &tables).await.unwrap();
        let found: Vec<_> = adoption
            .warnings()
            .iter()
            .map(|one| (one.hazard(), one.object()))
            .collect();
        assert_eq!(found, *expected, "{sql}");
        let mut administrator = database.connect().await;
        let again = tables.adoption_warnings(&mut administrator).await.unwrap();
        assert_eq!(again, adoption.warnings());
        for one in adoption.warnings() {
            assert!(adoption.to_string().contains(&one.to_string()));
        }
    }
}

#[tokio::test]
async fn a_table_with_a_name_of_migrations_is_named() {
    let database = before("create table migrations (id int primary key)").await;
    let adoption = adopt(&database, &declared(&database, &["migrations"])).await.unwrap();
    let found: Vec<_> = adoption
        .warnings()
        .iter()
        .map(|one| (one.hazard(), one.object()))
        .collect();
    assert_eq!(found, [(PgAdoptionHazard::MigrationTable, "public.migrations")]);
}

/// The form that the advice names is the one that works for every tenant.
#[tokio::test]
async fn an_upsert_on_a_constraint_survives() {
    let database = before(BEFORE).await;
    let tables = declared(&database, &["kinds", "notes"]);
    adopt(&database, &tables).await.unwrap();
    let db = open(&database, tables).await;
    let upsert = |conflict: &str| {
        format!(
            "insert into kinds (id, name) values (1, 'k') on conflict {conflict} do update set hits = kinds.hits + 1;
            select hits from kinds"
        )
    };
    let survives = upsert("on constraint kinds_name_key");
    for (tenant, hits) in [("acme", "0"), ("globex", "0"), ("globex", "1")] {
        assert_eq!(as_tenant(&db, tenant, &survives).await.unwrap(), [hits], "{tenant}");
    }
    assert!(as_tenant(&db, "acme", &upsert("(name)")).await.is_err());
}

//! The names that a change of the directory is notified with.

use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tenancy_core::directory::{Change, TenantStatus};
use tenancy_sqlx::{NewTenant, PgChanges, PgDirectory};

use super::changes::next;
use crate::postgres::support::server::TestDatabase;

fn acme() -> NewTenant {
    NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap())
}

/// A directory, its feed, and another connection of its owner.
async fn set_up(database: &TestDatabase) -> (PgDirectory, PgChanges, PgConnection) {
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let changes = PgChanges::connect(database.administrator()).await.unwrap();
    (directory, changes, database.connect().await)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    run.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// What is notified until the word `end` is.
async fn changes_until(changes: &mut PgChanges, connection: &mut PgConnection) -> Vec<String> {
    run(connection, "select pg_notify('tenancy_changes', 'subject end')").await;
    let mut seen = Vec::new();
    loop {
        match next(changes).await.to_string() {
            end if end == "subject end" => return seen,
            change => seen.push(change),
        }
    }
}

#[tokio::test]
async fn a_change_tells_the_old_names_and_the_new() {
    let database = TestDatabase::new().await;
    let (directory, mut changes, mut connection) = set_up(&database).await;
    let id = "acme".parse().unwrap();
    let rocket = || acme().with_slug("rocket".parse().unwrap());
    let domain = |tenant: NewTenant, domain: &str| tenant.with_domain(domain.parse().unwrap());

    directory
        .upsert(&acme().with_external_id("org_A".parse().unwrap()))
        .await
        .unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    assert_eq!(seen, ["tenant acme\nexternal org_A\nslug acme"], "a new tenant");

    directory
        .upsert(&rocket().with_external_id("org_B".parse().unwrap()))
        .await
        .unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    let renamed = "tenant acme\nexternal org_A\nexternal org_B\nslug acme\nslug rocket";
    assert_eq!(seen, [renamed], "a slug and an external id that change");

    directory.upsert(&domain(rocket(), "a.example")).await.unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    let added = [
        "tenant acme\nexternal org_B\nslug rocket",
        "tenant acme\ndomain a.example\nslug rocket",
    ];
    assert_eq!(seen, added, "an external id that is taken, and a domain that is given");

    // Domains that stay are not written: only the tenant's row is.
    directory.upsert(&domain(rocket(), "a.example")).await.unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    assert_eq!(seen, ["tenant acme\ndomain a.example\nslug rocket"], "nothing changes");

    directory.upsert(&domain(rocket(), "b.example")).await.unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    let moved = [
        "tenant acme\ndomain a.example\nslug rocket",
        "tenant acme\ndomain b.example\nslug rocket",
    ];
    assert_eq!(seen, moved, "a domain for another");

    directory.set_status(&id, TenantStatus::Archived).await.unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    assert_eq!(seen, ["tenant acme\ndomain b.example\nslug rocket"], "another status");

    assert!(directory.remove(&id).await.unwrap());
    let seen = changes_until(&mut changes, &mut connection).await;
    let removed = ["tenant acme\ndomain b.example\nslug rocket", "tenant acme\nslug rocket"];
    assert_eq!(seen, removed, "a tenant that is removed");
}

/// Rows that are changed by hand, by any statement.
#[tokio::test]
async fn a_domain_that_moves_concerns_both_tenants() {
    let database = TestDatabase::new().await;
    let (directory, mut changes, mut connection) = set_up(&database).await;
    directory
        .upsert(&acme().with_domain("a.example".parse().unwrap()))
        .await
        .unwrap();
    let globex = NewTenant::new("globex".parse().unwrap(), "row".parse().unwrap());
    directory.upsert(&globex).await.unwrap();
    changes_until(&mut changes, &mut connection).await;

    let update = "update tenancy_domains set tenant = 'globex', domain = 'b.example' where domain = 'a.example'";
    run(&mut connection, update).await;
    let seen = changes_until(&mut changes, &mut connection).await;
    let names = "domain a.example\ndomain b.example";
    let expected = [
        format!("tenant acme\n{names}\nslug acme"),
        format!("tenant globex\n{names}\nslug globex"),
    ];
    assert_eq!(seen, expected);

    run(
        &mut connection,
        "update tenancy_tenants set id = 'initech' where id = 'acme'",
    )
    .await;
    let seen = changes_until(&mut changes, &mut connection).await;
    assert_eq!(
        seen,
        [
            "tenant acme\nid initech\nslug acme",
            "tenant initech\nid acme\nslug acme"
        ]
    );
}

/// A notification holds 8,000 bytes less one. A change whose names do not fit may be about any name, and is made all the same.
#[tokio::test]
async fn names_that_do_not_fit_are_everything() {
    let database = TestDatabase::new().await;
    let (directory, mut changes, mut connection) = set_up(&database).await;
    directory.upsert(&acme()).await.unwrap();
    changes_until(&mut changes, &mut connection).await;

    let label = "x".repeat(60);
    let domains = |count: usize| {
        let names = (0..count).map(|number| format!("{number:02}{label}.{label}.{label}.example"));
        names.fold(acme(), |tenant, name| tenant.with_domain(name.parse().unwrap()))
    };
    directory.upsert(&domains(60)).await.unwrap();
    let seen = changes_until(&mut changes, &mut connection).await;
    assert_eq!(seen.last().map(String::as_str), Some("everything"));
    let entry = directory.find_by_id(&"acme".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(entry.domains().len(), 60);

    // A subject, too.
    let sql = "insert into tenancy_members (tenant, subject) values ('acme', repeat('x', 8000))";
    run(&mut connection, sql).await;
    assert_eq!(next(&mut changes).await, Change::Everything);
}

/// The longest text that PostgreSQL sends, and one that is a byte longer.
#[tokio::test]
async fn a_text_of_7_999_bytes_is_sent() {
    let database = TestDatabase::new().await;
    let (directory, _, mut connection) = set_up(&database).await;
    directory.upsert(&acme()).await.unwrap();
    let mut listener = PgListener::connect_with(&PgPool::connect_lazy_with(database.administrator()))
        .await
        .unwrap();
    listener.listen("tenancy_changes").await.unwrap();
    let longest = 7_999 - "tenant acme\nexternal \nslug acme".len();
    for (length, sent) in [(longest, 7_999), (longest + 1, "everything".len())] {
        let sql = format!(
            "select tenancy_notify_names(current_schema()::name, 'acme', array['external ' || repeat('x', {length})])"
        );
        run(&mut connection, &sql).await;
        assert_eq!(listener.recv().await.unwrap().payload().len(), sent, "{length}");
    }
}

/// Names that the directory itself refuses, written by someone else. None of them is read as another event.
#[tokio::test]
async fn hostile_names_forge_no_event() {
    let database = TestDatabase::new().await;
    let (directory, mut changes, mut connection) = set_up(&database).await;
    directory.upsert(&acme()).await.unwrap();
    changes_until(&mut changes, &mut connection).await;
    let everything = &["everything"][..];
    for (sql, expected) in [
        // It would be a tenant of two names.
        (r"update tenancy_tenants set slug = E'x\nslug globex'", everything),
        (
            r"update tenancy_tenants set slug = 'x', external_id = E'y\n'",
            everything,
        ),
        ("update tenancy_tenants set external_id = 'two words'", everything),
        ("update tenancy_tenants set external_id = ''", everything),
        ("update tenancy_tenants set external_id = 'größe'", everything),
        (
            "update tenancy_tenants set external_id = null, slug = 'acme'",
            everything,
        ),
        (
            r"insert into tenancy_domains values (E'a.example\nslug globex', 'acme')",
            everything,
        ),
        ("delete from tenancy_domains", everything),
        // It would be a member of a tenant of a shorter name.
        (
            "insert into tenancy_tenants values ('acme alice', 'two', null, 'two', 'active', 'row')",
            everything,
        ),
        (
            "insert into tenancy_members (tenant, subject) values ('acme alice', 'bob')",
            everything,
        ),
        ("delete from tenancy_members", everything),
        ("delete from tenancy_tenants where id <> 'acme'", everything),
        // It would be another tenant, with names of its own.
        (
            r"insert into tenancy_tenants values (E'acme\nslug globex', 'two', null, 'two', 'active', 'row')",
            everything,
        ),
        ("delete from tenancy_tenants where id <> 'acme'", everything),
        (
            r"insert into tenancy_members (tenant, subject) values ('acme', E'x\nmember acme y')",
            everything,
        ),
        // A subject may have spaces: it is the rest of the text.
        (
            "update tenancy_members set subject = 'tenant globex'",
            &["everything", "member acme tenant globex"],
        ),
        ("delete from tenancy_members", &["member acme tenant globex"]),
        // The name for people is not sent.
        (
            r"update tenancy_tenants set name = E'x\nslug globex'",
            &["tenant acme\nslug acme"],
        ),
    ] {
        run(&mut connection, sql).await;
        assert_eq!(changes_until(&mut changes, &mut connection).await, expected, "{sql}");
    }
}

/// Processes of an earlier version notify of a tenant by its id alone: any name may be its.
#[tokio::test]
async fn a_text_without_names_is_about_any_name() {
    let database = TestDatabase::new().await;
    let (_, mut changes, mut connection) = set_up(&database).await;
    run(&mut connection, "select pg_notify('tenancy_changes', 'tenant acme')").await;
    assert_eq!(next(&mut changes).await, Change::tenant("acme".parse().unwrap()));
}

/// A role that may write one table, and read no other, writes as before. It does not see all names, so it sends none.
#[tokio::test]
async fn a_role_that_reads_no_domains_sends_no_names() {
    let database = TestDatabase::new().await;
    let (directory, mut changes, mut connection) = set_up(&database).await;
    directory.upsert(&acme()).await.unwrap();
    changes_until(&mut changes, &mut connection).await;
    let grant = database.named("grant select, update on tenancy_tenants to APP");
    run(&mut connection, &grant).await;
    let mut operator = sqlx::ConnectOptions::connect(&database.application()).await.unwrap();
    run(&mut operator, "update tenancy_tenants set status = 'suspended'").await;
    assert_eq!(next(&mut changes).await, Change::tenant("acme".parse().unwrap()));
}

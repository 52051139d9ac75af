//! Good files for PostgreSQL, with the administrator and without.

use axum::http::StatusCode;
use sqlx::{AssertSqlSafe, Executor};
use tenancy::directory::{ChangeFeed as _, TenantEntry as _, TenantStatus};
use tenancy::{Open, Postgres};

use super::support::{Database, SHARED, TENANT, add, app, folder, record, send, serves, tenant};

const TENANTS: [(&str, &str, &str); 6] = [
    ("acme", "row", "alice"),
    ("globex", "row", "bob"),
    ("initech", "schema", "ines"),
    ("hooli", "schema", "hank"),
    ("umbrella", "database", "uma"),
    ("stark", "database", "tony"),
];

fn with_migrations(open: Open<Postgres>) -> Open<Postgres> {
    open.with_migrations("row", SHARED.again())
        .with_migrations("schema", TENANT.again())
        .with_migrations("database", TENANT.again())
}

/// A migrator is compiled in once, and given to each opening.
trait Again {
    fn again(&self) -> sqlx::migrate::Migrator;
}

impl Again for sqlx::migrate::Migrator {
    fn again(&self) -> sqlx::migrate::Migrator {
        sqlx::migrate::Migrator::with_migrations(self.iter().cloned().collect())
    }
}

async fn count(database: &Database, sql: &str) -> i64 {
    let counted = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
    counted.fetch_one(&mut database.administrator().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_opened_by_the_administrator_and_served_without() {
    let (database, folder) = (Database::new().await, folder());
    let opening = tenancy::open_text::<Postgres>(database.file(), folder.path())
        .with_variable("APP_URL", database.application_url())
        .with_variable("ADMIN_URL", database.administrator_url());
    let administrator = with_migrations(opening).await.unwrap();
    for (id, strategy, member) in TENANTS {
        add(
            &administrator.directory,
            &administrator.db,
            &tenant(id, strategy, member),
        )
        .await;
    }

    // The same file, in a process that has the application's URL alone.
    let opening = tenancy::open_text::<Postgres>(database.file(), folder.path())
        .with_variable("APP_URL", database.application_url());
    let serving = with_migrations(opening).await.unwrap();
    let app = app(&serving);
    let members: Vec<(&str, &str)> = TENANTS.iter().map(|(id, _, member)| (*id, *member)).collect();
    serves(&app, &members).await;

    // It changes nothing, and follows what the other changes.
    let refused = serving
        .directory
        .upsert(&tenant("late", "row", "eve"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("open for reading only"), "{refused}");
    let refused = serving.db.provision(&record("late", "schema")).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("only the administrator can provision"), "{cause}");
    let id = "acme".parse().unwrap();
    administrator
        .directory
        .set_status(&id, TenantStatus::Suspended)
        .await
        .unwrap();
    let mut status = StatusCode::OK;
    for _ in 0..1000 {
        status = send(&app, "GET", "acme", "alice", "").await.0;
        if status != StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(status, StatusCode::FORBIDDEN, "the change was followed");
    serving.close().await;
    administrator.close().await;
    let left = format!(
        "select count(*) from pg_stat_activity where usename in ('{0}_app', '{0}_owner') and pid <> pg_backend_pid()",
        database.name
    );
    for _ in 0..500 {
        if count(&database, &left).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("connections are left after both were closed");
}

/// The type of an application, which both processes read.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Plan {
    seats: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_reach_a_process_that_only_serves() {
    let (database, folder) = (Database::new().await, folder());
    let opening = || {
        tenancy::open_text::<Postgres>(database.file(), folder.path())
            .with_variable("APP_URL", database.application_url())
    };
    let administrator = with_migrations(opening().with_variable("ADMIN_URL", database.administrator_url()));
    let administrator = administrator.await.unwrap();
    add(
        &administrator.directory,
        &administrator.db,
        &tenant("acme", "row", "alice"),
    )
    .await;
    let serving = with_migrations(opening()).await.unwrap();
    let settings = serving.settings::<Plan>().unwrap();
    let acme = serving
        .directory
        .find_by_id(&"acme".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let member = tenancy::enforce::Admitted::dangerously_assume(
        acme.record().clone(),
        tenancy::names::ResolverName::from_static("test"),
        "alice".parse().unwrap(),
    );
    assert_eq!(settings.of(&member).await.unwrap().seats, 0);
    let object = serde_json::Map::from_iter([("seats".to_owned(), 20.into())]);
    let id = acme.record().id.clone();
    administrator
        .directory
        .compare_and_set_settings(&id, 0, &object)
        .await
        .unwrap();
    let mut seats = 0;
    for _ in 0..3000 {
        seats = settings.of(&member).await.unwrap().seats;
        if seats == 20 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(seats, 20, "the change was followed");
    serving.close().await;
    administrator.close().await;
}

/// A directory that tenants' transactions cannot read: its reader is a role of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_may_have_a_reader_of_its_own() {
    let (database, folder) = (Database::new().await, folder());
    let sql = format!(
        "create role {}_reader login password '{}'",
        database.name,
        super::support::PASSWORD
    );
    database.superuser().await.execute(AssertSqlSafe(sql)).await.unwrap();
    let file = database.file()
        + "[directory]\nurl_env = \"READER_URL\"\nadministrator_url_env = \"ADMIN_URL\"\nquarantine_days = 7\n";
    let opening = |file: &str| {
        tenancy::open_text::<Postgres>(file, folder.path())
            .with_variable("APP_URL", database.application_url())
            .with_variable("READER_URL", database.url_of(&format!("{}_reader", database.name)))
    };
    let administrators = opening(&file).with_variable("ADMIN_URL", database.administrator_url());
    let administrator = with_migrations(administrators).await.unwrap();
    add(
        &administrator.directory,
        &administrator.db,
        &tenant("acme", "row", "alice"),
    )
    .await;
    let serving = with_migrations(opening(&file)).await.unwrap();
    serves(&app(&serving), &[("acme", "alice")]).await;
    let rights = format!(
        "select count(*) from tenancy_tenants where has_table_privilege('{}_app', 'tenancy_members', 'select')",
        database.name
    );
    assert_eq!(
        count(&database, &rights).await,
        0,
        "the application's role reads no directory"
    );
}

#[tokio::test]
async fn a_worker_subscribes_to_changes() {
    let (database, folder) = (Database::new().await, folder());
    let opening = || {
        tenancy::open_text::<Postgres>(database.file(), folder.path())
            .with_variable("APP_URL", database.application_url())
    };
    let data = with_migrations(opening().with_variable("ADMIN_URL", database.administrator_url()));
    let data = data.without_http().await.unwrap();
    let worker = with_migrations(opening()).without_http().await.unwrap();
    let mut changes = worker.changes().await.unwrap().unwrap();
    data.directory.upsert(&tenant("acme", "row", "alice")).await.unwrap();
    let change = changes.next().await.unwrap().unwrap();
    assert!(format!("{change:?}").contains("acme"), "{change:?}");
}

/// Each server has its own URLs, and tenants are placed by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_are_placed_on_several_servers() {
    let (database, folder) = (Database::new().await, folder());
    let file = database.file()
        + "[strategies.database.servers.eu-1]\nurl_env = \"EU_URL\"\nadministrator_url_env = \"EU_ADMIN_URL\"\n";
    let opened = tenancy::open_text::<Postgres>(file, folder.path())
        .with_variable("APP_URL", database.application_url())
        .with_variable("ADMIN_URL", database.administrator_url())
        .with_variable("EU_URL", database.application_url())
        .with_variable("EU_ADMIN_URL", database.administrator_url());
    let opened = with_migrations(opened).await.unwrap();
    let placed = tenant("acme", "database", "alice").with_placement("eu-1".parse().unwrap());
    add(&opened.directory, &opened.db, &placed).await;
    serves(&app(&opened), &[("acme", "alice")]).await;
    let elsewhere = record("globex", "database").with_placement("us-1".parse().unwrap());
    let refused = opened.db.provision(&elsewhere).await.unwrap_err();
    assert!(
        std::error::Error::source(&refused)
            .unwrap()
            .to_string()
            .contains("`us-1`, which is not known")
    );
}

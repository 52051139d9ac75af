//! Files that are right, of databases that are not: what fails is named together, by its table.

use sqlx::{AssertSqlSafe, Executor};
use tenancy::{Open, OpenError, OpenFailures, Postgres};

use super::support::{Database, PASSWORD, SHARED, folder};

fn opening(database: &Database, folder: &tempfile::TempDir, file: &str) -> Open<Postgres> {
    tenancy::open_text::<Postgres>(file, folder.path()).with_variable("APP_URL", database.application_url())
}

fn migrations() -> sqlx::migrate::Migrator {
    sqlx::migrate::Migrator::with_migrations(SHARED.iter().cloned().collect())
}

/// The failures, none of which shows a password.
async fn failures(open: Open<Postgres>) -> OpenFailures {
    match open.await {
        Err(OpenError::Open(failures)) => {
            assert!(!failures.to_string().contains(PASSWORD), "{failures}");
            assert!(!format!("{failures:?}").contains(PASSWORD), "{failures:?}");
            failures
        }
        other => panic!("{other:?}"),
    }
}

fn keys(failures: &OpenFailures) -> Vec<&str> {
    failures.failures().iter().map(|failure| failure.key()).collect()
}

#[tokio::test]
async fn a_wrong_password_is_said_of_every_part() {
    let (database, folder) = (Database::new().await, folder());
    let wrong = database.url_with(&format!("{}_app", database.name), "hunter2-and-wrong");
    let open = opening(&database, &folder, &database.file())
        .with_variable("APP_URL", wrong)
        .with_variable("ADMIN_URL", database.administrator_url());
    let failed = failures(open).await;
    assert_eq!(
        keys(&failed),
        ["strategies.row"],
        "the administrator opened the others: {failed}"
    );
    let text = failed.to_string();
    assert!(text.contains("password authentication failed for user"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    // Without the administrator nothing can be opened.
    let wrong = database.url_with(&format!("{}_app", database.name), "hunter2-and-wrong");
    let failed = failures(opening(&database, &folder, &database.file()).with_variable("APP_URL", wrong)).await;
    assert_eq!(
        keys(&failed),
        ["strategies.row", "strategies.schema", "directory"],
        "{failed}"
    );
}

#[tokio::test]
async fn a_missing_role_is_named_with_what_makes_it() {
    let (database, folder) = (Database::new().await, folder());
    let open = opening(&database, &folder, &database.file())
        .with_variable("APP_URL", database.url_of("nobody_of_this_name"))
        .with_variable("ADMIN_URL", database.administrator_url());
    let text = failures(open.with_migrations("row", migrations())).await.to_string();
    for part in [
        "`strategies.row`: refused the database: the database does not keep tenants apart: 1 finding",
        "RoleMissing: nobody_of_this_name",
        "mend it with: create role nobody_of_this_name login",
        "`directory`: failed to query the directory",
    ] {
        assert!(text.contains(part), "lacks `{part}`: {text}");
    }
}

#[tokio::test]
async fn what_is_not_set_up_is_said_of_every_part() {
    let (database, folder) = (Database::new().await, folder());
    let failed = failures(opening(&database, &folder, &database.file())).await;
    assert_eq!(keys(&failed), ["strategies.row", "directory"], "{failed}");
    let text = failed.to_string();
    for part in [
        "TableMissing: public.notes",
        "make the table by a migration",
        "`directory`: the directory is not set up for this version: open it once as the administrator",
    ] {
        assert!(text.contains(part), "lacks `{part}`: {text}");
    }
}

#[tokio::test]
async fn findings_stand_beside_the_failures_of_others() {
    let (database, folder) = (Database::new().await, folder());
    let open = opening(&database, &folder, &database.file()).with_variable("ADMIN_URL", database.administrator_url());
    open.with_migrations("row", migrations())
        .without_http()
        .await
        .unwrap()
        .close()
        .await;
    let mut administrator = database.administrator().await;
    for sql in [
        "alter table notes no force row level security".to_owned(),
        format!("revoke select on tenancy_members from {}_app", database.name),
    ] {
        administrator.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let text = failures(opening(&database, &folder, &database.file()))
        .await
        .to_string();
    for part in [
        "`strategies.row`: refused the database",
        "RowSecurityNotForced: public.notes",
        "alter table public.notes force row level security",
        "`directory`: the role",
        "may not read the directory: run as the administrator:",
        "grant select on table tenancy_members to",
    ] {
        assert!(text.contains(part), "lacks `{part}`: {text}");
    }
    // The administrator's next opening mends both.
    let open = opening(&database, &folder, &database.file()).with_variable("ADMIN_URL", database.administrator_url());
    open.with_migrations("row", migrations()).await.unwrap().close().await;
    opening(&database, &folder, &database.file())
        .await
        .unwrap()
        .close()
        .await;
}

/// What was opened before the failure is closed again.
#[tokio::test]
async fn nothing_stays_open_after_a_failure() {
    let (database, folder) = (Database::new().await, folder());
    let file = database.file().replace("\"notes\"", "\"missing\"");
    let open = opening(&database, &folder, &file).with_variable("ADMIN_URL", database.administrator_url());
    let failed = failures(open).await;
    assert_eq!(keys(&failed), ["strategies.row"], "{failed}");
    let left = format!(
        "select count(*) from pg_stat_activity where usename in ('{0}_app', '{0}_owner')",
        database.name
    );
    for _ in 0..500 {
        let counted = sqlx::query_scalar(AssertSqlSafe(left.clone()));
        let left: i64 = counted.fetch_one(&mut database.superuser().await).await.unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("connections are left");
}

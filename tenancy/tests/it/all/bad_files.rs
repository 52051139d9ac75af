//! Files that are wrong: each names its key, and says what to write. None of them connects to anything.

use std::fs;

use tenancy::config::ConfigProblems;
use tenancy::{Open, OpenDatabase, OpenError, Postgres, Sqlite};

use super::bad_rows::{GOOD, ROWS, SQLITE_ROWS};
use super::support::{HEAD, PASSWORD, SECRET, SHARED, folder};

fn with_variables<DB: OpenDatabase>(open: Open<DB>) -> Open<DB> {
    let url = |role: &str| format!("postgres://{role}:{PASSWORD}@localhost:1/notes");
    open.with_variable("APP_URL", url("app"))
        .with_variable("ADMIN_URL", url("admin"))
        .with_variable("EMPTY", " \n")
        .with_variable("OTHER_SCHEME", format!("mysql://app:{PASSWORD}@localhost/notes"))
        .with_variable("BAD_PORT", format!("postgres://app:{PASSWORD}@localhost:99999/notes"))
        .with_variable("NO_ROLE", "postgres://localhost/notes")
        .with_variable("NO_DATABASE", format!("postgres://app:{PASSWORD}@localhost"))
}

async fn problems(text: &str) -> ConfigProblems {
    let folder = folder();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let shared = sqlx::migrate::Migrator::with_migrations(SHARED.iter().cloned().collect());
    let open = with_variables(tenancy::open_text::<Postgres>(text, folder.path()));
    match open.with_migrations("row", shared).await {
        Err(OpenError::Config(problems)) => problems,
        other => panic!("{text}: {other:?}"),
    }
}

fn assert_says(row: &str, problems: &ConfigProblems, expected: &[&str]) -> Vec<String> {
    let text = problems.to_string();
    let mut wrong = Vec::new();
    for part in expected {
        if !text.contains(part) {
            wrong.push(format!("{row}\n  lacks `{part}`:\n  {text}"));
        }
    }
    for secret in [PASSWORD, SECRET] {
        if text.contains(secret) || format!("{problems:?}").contains(secret) {
            wrong.push(format!("{row}\n  shows a secret:\n  {text}"));
        }
    }
    wrong
}

#[tokio::test]
async fn each_row_names_its_key_and_what_to_write() {
    let good = format!("{HEAD}{GOOD}");
    let mut wrong = Vec::new();
    for (find, replace, expected) in ROWS {
        assert!(good.contains(find), "{find}");
        let problems = problems(&good.replacen(find, replace, 1)).await;
        wrong.extend(assert_says(replace, &problems, expected));
        // What one mistake leads to is not said as well.
        if problems.problems().len() > expected.len().max(1) {
            wrong.push(format!(
                "{replace}\n  says more than {} things:\n  {problems}",
                expected.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ROWS.len() >= 40);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_with_its_line() {
    let text = r#"version = 1
[resolution]
resolvers = ["header", "pth"]
header_name = "x tenant"
[enforcement]
membership = "everybody"
[jwt]
issuer = ""
audience = ""
[[jwt.keys]]
algorithm = "HS256"
secret_file = "nowhere"
[[jwt.keys]]
kid = "2"
[cache]
capacity = 0
[databse]
[database]
url_env = "UNSET_VARIABLE"
[strategies.row]
tables = [1, "notes", { name = "", nme = "x" }, "notes"]
lock_timeout_seconds = 0
[strategies.schema]
migrations = "nowhere"
"#;
    let problems = problems(text).await;
    let expected = [
        ("resolution.resolvers", Some(3)),
        ("resolution.header_name", Some(4)),
        ("enforcement.membership", Some(6)),
        ("jwt.issuer", Some(8)),
        ("jwt.audience", Some(9)),
        ("jwt.keys[0].secret_file", Some(12)),
        ("jwt.keys[1].algorithm", Some(13)),
        ("cache.capacity", Some(16)),
        ("databse", Some(17)),
        ("database.url_env", Some(19)),
        ("strategies.row.tables[0]", Some(21)),
        ("strategies.row.tables[2].name", Some(21)),
        ("strategies.row.tables[2].nme", Some(21)),
        ("strategies.row.tables[3]", Some(21)),
        ("strategies.row.lock_timeout_seconds", Some(22)),
        ("strategies.schema.migrations", Some(24)),
    ];
    for (key, line) in expected {
        let is_it = |problem: &&tenancy::config::ConfigProblem| problem.key() == key;
        let found = problems.problems().iter().find(is_it);
        assert_eq!(found.map(|found| found.line()), Some(line), "{key}: {problems}");
    }
    assert!(
        problems.to_string().contains("failed to use the configuration: "),
        "{problems}"
    );
}

#[tokio::test]
async fn what_code_says_must_fit_the_file() {
    let folder = folder();
    let good = format!("{HEAD}{GOOD}");
    let open = |text: &str| with_variables(tenancy::open_text::<Postgres>(text, folder.path()));
    let migrations = || sqlx::migrate::Migrator::with_migrations(Vec::new());
    let text = |error: OpenError| error.to_string();
    let error = text(open(&good).with_migrations("rwo", migrations()).await.unwrap_err());
    assert!(
        error.contains("`with_migrations(\"rwo\", …)` names no strategy of the configuration"),
        "{error}"
    );
    assert!(error.contains("there are `row`, `schema`, `database`"), "{error}");
    let twice = open(&good)
        .with_migrations("row", migrations())
        .with_migrations("row", migrations());
    assert!(text(twice.await.unwrap_err()).contains("is called twice"));
    // Without issuers nobody can be admitted; with an authenticator they would not be read.
    let no_issuers = good.replace("[jwt]", "[own]").replace("[[jwt.keys]]", "[[own.keys]]");
    let error = text(open(&no_issuers).with_own_table("own").await.unwrap_err());
    assert!(
        error.contains("`jwt`: nothing says who callers are: add a table `[jwt]`, or call `with_authenticator`"),
        "{error}"
    );
    let error = text(open(&no_issuers).await.unwrap_err());
    assert!(error.contains("`own`: unknown key `own`"), "{error}");
    let authenticator = tenancy::http::ClaimsFromExtension::<tenancy::request::Claims>::new();
    let error = text(open(&good).with_authenticator(authenticator).await.unwrap_err());
    assert!(
        error.contains("`jwt`: `with_authenticator` verifies callers"),
        "{error}"
    );
    let authenticator = tenancy::http::ClaimsFromExtension::<tenancy::request::Claims>::new();
    let both = open(&no_issuers)
        .with_own_table("own")
        .with_authenticator(authenticator);
    let error = text(both.with_payload::<String>().await.unwrap_err());
    assert!(
        error.contains(
            "`jwt`: `with_payload` is about tokens of the table `[jwt]`, and `with_authenticator` verifies callers"
        ),
        "{error}"
    );
    let error = text(open(HEAD).await.unwrap_err());
    assert!(
        error.contains("`strategies`: at least one is required, such as a table `[strategies.row]`"),
        "{error}"
    );
    // A `main` that returns the error prints its lines, and not its fields.
    let failed = open(HEAD).await.unwrap_err();
    assert_eq!(format!("{failed:?}"), failed.to_string());
    let missing = tenancy::open::<Postgres>(folder.path().join("nowhere.toml")).await;
    let printed = format!("{:?}", missing.as_ref().unwrap_err());
    assert!(
        printed.starts_with("failed to read the configuration `") && printed.contains("nowhere.toml`: No such file"),
        "{printed}"
    );
    assert!(matches!(&missing, Err(OpenError::Read { .. })), "{missing:?}");
}

#[tokio::test]
async fn files_for_sqlite_are_refused_alike() {
    let (folder, good) = (folder(), super::sqlite::file());
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let mut wrong = Vec::new();
    for (find, replace, expected) in SQLITE_ROWS {
        assert!(good.contains(find), "{find}");
        let opened = tenancy::open_text::<Sqlite>(good.replacen(find, replace, 1), folder.path()).await;
        match opened {
            Err(OpenError::Config(problems)) => wrong.extend(assert_says(replace, &problems, expected)),
            other => wrong.push(format!("{replace}: {other:?}")),
        }
        assert!(
            !folder.path().join("shared.sqlite").exists(),
            "nothing is made of a wrong file"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

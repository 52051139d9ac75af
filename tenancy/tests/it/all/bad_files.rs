//! Files that are wrong: each names its key, and says what to write. None of them connects to anything.

use std::fs;

use tenancy::config::ConfigProblems;
use tenancy::{Open, OpenDatabase, OpenError, Postgres, Sqlite};

use super::support::{HEAD, PASSWORD, SECRET, SHARED, folder};

const GOOD: &str = r#"
[cache]
enabled = true
[database]
url_env = "APP_URL"
administrator_url_env = "ADMIN_URL"
[database.pool]
max_connections = 10
[directory]
quarantine_days = 30
[strategies.row]
tables = ["notes", { name = "audit_log", schema = "audit", tenant_column = "org", tenant_column_type = "uuid" }]
[strategies.schema]
prefix = "t_"
[strategies.database]
[strategies.database.servers.eu]
url_env = "APP_URL"
"#;

/// What stands in the good file, what takes its place, and what the error must say.
type Row = (&'static str, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &[
    // No TOML, other versions, unknown keys.
    ("version = 1", "version = ", &["1 problem", "line 1: no TOML"]),
    ("version = 1", "version = 1\nversion = 1", &["no TOML"]),
    (
        "\"APP_URL\"\nadmin",
        "postgres://app:hunter2-never-shown@localhost/x\nadmin",
        &["no TOML"],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"postgres://app:hunter2-never-shown@localhost/x\nadmin",
        &["no TOML"],
    ),
    (
        "enabled = true",
        "\"postgres://app:hunter2-never-shown@localhost/x\" = 1",
        &["`cache.a key that is not shown`: this key is not known here"],
    ),
    ("enabled = true", "hunter2-never-shown", &["no TOML"]),
    (
        "version = 1",
        "version = 2",
        &["`version`: 2 is not a version", "expected 1"],
    ),
    (
        "version = 1",
        "version = \"1\"",
        &[
            "`version`: expected the `version`",
            "which is the number 1",
            "found a text",
        ],
    ),
    (
        "[cache]",
        "[cahce]",
        &["`cahce`: unknown key `cahce`, did you mean `cache`?"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "ulr_env = \"APP_URL\"\nadmin",
        &["`database.ulr_env`: unknown key", "did you mean `url_env`?"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url = \"postgres://app:hunter2-never-shown@localhost/x\"\nadmin",
        &["`database.url`: unknown key `url`", "`url_env`, `url_file`"],
    ),
    (
        "[strategies.schema]",
        "[strategies.shcema]",
        &["`strategies.shcema`: unknown key", "did you mean `schema`?"],
    ),
    (
        "prefix = \"t_\"",
        "prefx = \"t_\"",
        &["`strategies.schema.prefx`", "did you mean `prefix`?"],
    ),
    (
        "name = \"audit_log\"",
        "nmae = \"audit_log\"",
        &["`strategies.row.tables[1].nmae`", "did you mean `name`?"],
    ),
    (
        "max_connections = 10",
        "max_conections = 10",
        &["`database.pool.max_conections`", "did you mean `max_connections`?"],
    ),
    (
        "header_name =",
        "heder_name =",
        &["`resolution.heder_name`", "did you mean `header_name`?"],
    ),
    (
        "membership =",
        "member =",
        &["`enforcement.member`", "did you mean `membership`?"],
    ),
    (
        "audience =",
        "audiense =",
        &["`jwt.audiense`", "did you mean `audience`?"],
    ),
    // Types.
    (
        "max_connections = 10",
        "max_connections = \"hunter2-never-shown\"",
        &["`database.pool.max_connections`: expected a whole number that is not negative, found a text"],
    ),
    (
        "max_connections = 10",
        "max_connections = -1",
        &["`database.pool.max_connections`: expected a whole number that is not negative"],
    ),
    (
        "quarantine_days = 30",
        "quarantine_days = 1.5",
        &["`directory.quarantine_days`: expected a whole number that is not negative, found a fraction"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url_env = 5\nadmin",
        &["`database.url_env`: expected a text in quotes, found a number"],
    ),
    (
        "enabled = true",
        "enabled = \"hunter2-never-shown\"",
        &["`cache.enabled`: expected `true` or `false`, found a text"],
    ),
    (
        "tables = [\"notes\",",
        "tables = [7,",
        &["`strategies.row.tables[0]`: expected the name of a table, or a table with `name`, found a number"],
    ),
    (
        "[strategies.schema]\nprefix = \"t_\"",
        "[strategies]\nschema = \"hunter2-never-shown\"",
        &["`strategies.schema`: expected a table, found a text"],
    ),
    (
        "tenant_column_type = \"uuid\"",
        "tenant_column_type = \"hunter2-never-shown\"",
        &[
            "`strategies.row.tables[1].tenant_column_type`: expected one of `text`, `uuid`, `smallint`, `integer`, `bigint`",
        ],
    ),
    (
        "tenant_column = \"org\"",
        "grants = [\"select\", \"truncate\"]",
        &["`strategies.row.tables[1].grants[1]`: expected one of `select`, `insert`, `update`, `delete`"],
    ),
    (
        "membership = \"directory\"",
        "membership = \"hunter2-never-shown\"",
        &["`enforcement.membership`: expected `claim` or `directory`"],
    ),
    // Values.
    (
        "max_connections = 10",
        "max_connections = 0",
        &["`database.pool.max_connections`: expected a number of at least 1"],
    ),
    (
        "max_connections = 10",
        "acquire_timeout_seconds = 0",
        &["`database.pool.acquire_timeout_seconds`: expected a number of at least 1"],
    ),
    (
        "enabled = true",
        "capacity = 0",
        &["`cache.capacity`: expected a number from 1 to 1000000"],
    ),
    (
        "enabled = true",
        "time_to_live_seconds = 86401",
        &["`cache.time_to_live_seconds`: expected a number from 1 to 86400"],
    ),
    (
        "quarantine_days = 30",
        "lock_timeout_seconds = 0",
        &["`directory.lock_timeout_seconds`: expected a number of at least 1"],
    ),
    (
        "prefix = \"t_\"",
        "prefix = \"ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\"",
        &["`strategies.schema.prefix`: expected at most 62 bytes"],
    ),
    (
        "tables = [\"notes\",",
        "tables = [\"notes\", \"notes\",",
        &["`strategies.row.tables[1]`: the table \"public\".\"notes\" is declared twice: remove one"],
    ),
    (
        "tables = [\"notes\",",
        "tables = [\"\",",
        &["`strategies.row.tables[0].name`: a name in SQL is not empty"],
    ),
    (
        "tenant_column = \"org\"",
        "tenant_column = \"\"",
        &["`strategies.row.tables[1].tenant_column`: a name in SQL is not empty"],
    ),
    (
        "schema = \"audit\"",
        "schema = \"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\"",
        &["`strategies.row.tables[1].schema`: a name in SQL has at most 63 bytes, and this has 64"],
    ),
    (
        "name = \"audit_log\", ",
        "",
        &["`strategies.row.tables[1].name`: required"],
    ),
    (
        "[strategies.row]\n",
        "[strategies.row]\nsetting = \"TenantId\"\n",
        &["`strategies.row.setting`: a setting is two names"],
    ),
    (
        "[strategies.row]\n",
        "[strategies.row]\nviews = [\"\"]\n",
        &["`strategies.row.views[0]`: a name in SQL is not empty"],
    ),
    (
        "[strategies.row]\n",
        "[strategies.row]\nother_applications = [\"a\", \"\"]\n",
        &["`strategies.row.other_applications[1]`: a name in SQL is not empty"],
    ),
    (
        "[strategies.database]\n",
        "[strategies.database]\nmax_connections_per_tenant = 0\n",
        &["`strategies.database.max_connections_per_tenant`: expected a number of at least 1"],
    ),
    (
        "[strategies.database]\n",
        "[strategies.database]\ntemplate = \"\"\n",
        &["`strategies.database.template`: a name in SQL is not empty"],
    ),
    ("servers.eu]", "servers.EU]", &["`strategies.database.servers.EU`"]),
    // Resolvers and claims.
    (
        "resolvers = [\"header\"]",
        "resolvers = []",
        &["`resolution.resolvers`: at least one resolver is required"],
    ),
    (
        "resolvers = [\"header\"]",
        "resolvers = [\"hedaer\", \"subdoman\"]",
        &[
            "unknown resolver `hedaer`, did you mean `header`?",
            "unknown resolver `subdoman`, did you mean `subdomain`?",
        ],
    ),
    (
        "resolvers = [\"header\"]",
        "resolvers = [\"subdomain\", \"path\"]",
        &[
            "`resolution.base_domain`: the resolver `subdomain` needs it",
            "`resolution.path_template`: the resolver `path` needs it",
        ],
    ),
    (
        "resolvers = [\"header\"]",
        "resolvers = [\"header\", \"header\"]",
        &["`resolution.resolvers`"],
    ),
    (
        "header_name = \"x-tenant-id\"",
        "header_name = \"a b\"\nbase_domain = \"co.uk\"",
        &[
            "`resolution.header_name`",
            "`resolution.base_domain`: `co.uk` is a public suffix",
        ],
    ),
    (
        "header_name = \"x-tenant-id\"",
        "header_name = \"x-tenant-id\"\nreserved = [\"A B\"]",
        &["`resolution.reserved`"],
    ),
    (
        "header_name = \"x-tenant-id\"",
        "header_name = \"x-tenant-id\"\ntrusted_hops = 1",
        &["`resolution.forwarded_header`: required with `trusted_hops`"],
    ),
    // Issuers.
    (
        "audience = \"notes\"",
        "audience = \"notes\"\nleeway_seconds = 61",
        &["`jwt.leeway_seconds`: expected at most 60"],
    ),
    (
        "audience = \"notes\"",
        "typ = \"\"\naudience = \"notes\"",
        &["`jwt.typ`: expected a text that is not empty"],
    ),
    (
        "secret_file = \"key\"",
        "secret_file = \"missing\"",
        &["`jwt.keys[0].secret_file`: failed to read", "missing"],
    ),
    (
        "secret_file = \"key\"",
        "secret = \"hunter2-never-shown\"",
        &["`jwt.keys[0]`", "bytes"],
    ),
    (
        "algorithm = \"HS256\"",
        "algorithm = \"none\"",
        &["`jwt.keys[0].algorithm`: expected one of `HS256`"],
    ),
    (
        "secret_file = \"key\"",
        "secret_file = \"missing\"\n[[jwt.keys]]\nkid = \"2\"\nalgorithm = \"HS256\"\nsecret_file = \"other\"",
        &["`jwt.keys[0].secret_file`", "`jwt.keys[1].secret_file`"],
    ),
    // URLs, by variables and files.
    (
        "\"APP_URL\"\nadmin",
        "\"UNSET_VARIABLE\"\nadmin",
        &[
            "`database.url_env`: the environment variable `UNSET_VARIABLE` is not set: set it to the application's URL, `postgres://ROLE:PASSWORD@HOST/DATABASE`",
        ],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"EMPTY\"\nadmin",
        &["`database.url_env`: the environment variable `EMPTY` is empty"],
    ),
    (
        "\"ADMIN_URL\"",
        "\"EMPTY\"",
        &[
            "`database.administrator_url_env`: the environment variable `EMPTY` is empty: unset it to serve without the administrator",
        ],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"postgres://app:hunter2-never-shown@localhost/x\"\nadmin",
        &[
            "`database.url_env`: expected the name of an environment variable, such as `DATABASE_URL`, and not what it holds",
        ],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url_file = \"postgres://app:hunter2-never-shown@localhost/x\"\nadmin",
        &["`database.url_file`: expected the path of a file that holds the URL, and not the URL itself"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url_file = \"no-such-file\"\nadmin",
        &["`database.url_file`: failed to read", "no-such-file"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url_file = \"empty\"\nadmin",
        &["`database.url_file`: the file", "is empty"],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "url_env = \"APP_URL\"\nurl_file = \"key\"\nadmin",
        &["`database.url_env`: contradicts `database.url_file`: remove one"],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"OTHER_SCHEME\"\nadmin",
        &[
            "`database.url_env`: this is no URL of a PostgreSQL database: expected `postgres://ROLE:PASSWORD@HOST/DATABASE`",
        ],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"BAD_PORT\"\nadmin",
        &["`database.url_env`: this is no URL of a PostgreSQL database"],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"NO_ROLE\"\nadmin",
        &["`database.url_env`: the URL names no role: expected `postgres://ROLE:PASSWORD@HOST/DATABASE`"],
    ),
    (
        "\"APP_URL\"\nadmin",
        "\"NO_DATABASE\"\nadmin",
        &["`database.url_env`: the URL names no database"],
    ),
    (
        "\"ADMIN_URL\"",
        "\"APP_URL\"",
        &[
            "`database.administrator_url_env`: both URLs are of one role",
            "make the application a role of its own",
        ],
    ),
    (
        "url_env = \"APP_URL\"\nadmin",
        "admin",
        &["`database.url_env`: required beside the administrator's"],
    ),
    (
        "url_env = \"APP_URL\"\nadministrator_url_env = \"ADMIN_URL\"",
        "",
        &["`database.url_env`: required: the environment variable that holds the application's URL"],
    ),
    (
        "servers.eu]\nurl_env = \"APP_URL\"",
        "servers.eu]",
        &["`strategies.database.servers.eu.url_env`: required"],
    ),
    (
        "servers.eu]\nurl_env = \"APP_URL\"",
        "servers.eu]\nurl_env = \"UNSET_VARIABLE\"",
        &["`strategies.database.servers.eu.url_env`: the environment variable `UNSET_VARIABLE` is not set"],
    ),
    (
        "quarantine_days = 30",
        "url_env = \"UNSET_VARIABLE\"",
        &["`directory.url_env`: the environment variable `UNSET_VARIABLE` is not set"],
    ),
    // Folders.
    (
        "prefix = \"t_\"",
        "migrations = \"no-such-folder\"",
        &[
            "`strategies.schema.migrations`: failed to read",
            "expected a folder of migrations",
        ],
    ),
    (
        "[strategies.row]\n",
        "[strategies.row]\nmigrations = \"folder\"\n",
        &["`strategies.row.migrations`: `with_migrations(\"row\", …)` has the migrations already: remove this key"],
    ),
    (
        "[strategies.database]\n",
        "[strategies.database]\nmigrations = \"key\"\n",
        &["`strategies.database.migrations`: failed to read"],
    ),
    (
        "tables = [\"notes\", {",
        "tables = []\nviews = []\nshared_tables = []\n#",
        &["`strategies.row.tables`: at least one table is required, as in `tables = [\"notes\"]`"],
    ),
];

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
    let error = text(open(HEAD).await.unwrap_err());
    assert!(
        error.contains("`strategies`: at least one is required, such as a table `[strategies.row]`"),
        "{error}"
    );
    let missing = tenancy::open::<Postgres>(folder.path().join("nowhere.toml")).await;
    assert!(matches!(&missing, Err(OpenError::Read { .. })), "{missing:?}");
}

const SQLITE_ROWS: &[Row] = &[
    (
        "[directory]\nfile = \"directory.sqlite\"",
        "",
        &["`directory.file`: required: the path of the file"],
    ),
    (
        "file = \"shared.sqlite\"\n",
        "",
        &["`strategies.row.file`: required: the path of the file"],
    ),
    (
        "file = \"shared.sqlite\"",
        "file = \"\"",
        &["`strategies.row.file`: expected the path of the file"],
    ),
    (
        "folder = \"tenants\"\n",
        "",
        &["`strategies.database.folder`: required: the path of the folder"],
    ),
    (
        "base_table = \"notes_rows\"",
        "base_table = \"notes\"",
        &["`strategies.row.tables[0]`"],
    ),
    (
        "base_table = \"notes_rows\"",
        "base_table = \"no-name\"",
        &["`strategies.row.tables[0]`: a table or column is named by"],
    ),
    (
        ", base_table = \"notes_rows\"",
        "",
        &["`strategies.row.tables[0].base_table`: required"],
    ),
    (
        "tables = [",
        "tables = [{ name = \"notes\", base_table = \"other_rows\" }, ",
        &["`strategies.row.tables[1]`: a table of this name is declared twice"],
    ),
    (
        "[strategies.database]",
        "[strategies.schema]\n[strategies.database]",
        &["`strategies.schema`: unknown key `schema`", "`row`, `database`"],
    ),
    (
        "[strategies.database]",
        "[database]\nurl_env = \"X\"\n[strategies.database]",
        &["`database`: unknown key `database`"],
    ),
    (
        "migrations = \"migrations\"",
        "max_open = 0",
        &["`strategies.database.max_open`: expected a number of at least 1"],
    ),
    (
        "migrations = \"migrations\"",
        "busy_timeout_seconds = 0",
        &["`strategies.database.busy_timeout_seconds`: expected a number of at least 1"],
    ),
];

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

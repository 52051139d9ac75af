//! The table: each command × terminal or not × text or JSON × fine, finding, failure.

use crate::support::{Done, Service, on_both};

/// A row: a command line, how it ends, and what the document has besides.
struct Row {
    line: &'static str,
    exit: i32,
    /// The code of the error, or a key of the document.
    has: &'static str,
}

const fn fine(line: &'static str, has: &'static str) -> Row {
    Row { line, exit: 0, has }
}

const fn found(line: &'static str, has: &'static str) -> Row {
    Row { line, exit: 3, has }
}

const fn failure(line: &'static str, exit: i32, has: &'static str) -> Row {
    Row { line, exit, has }
}

/// What changes nothing, or changes the same thing again: each row runs in four ways.
const ROWS: &[Row] = &[
    fine("completions bash", "script"),
    fine("completions zsh", "script"),
    failure("completions tcsh", 2, "usage"),
    fine("init", "ok"),
    fine("verify", "safe"),
    fine("verify --fix-sql", "sql"),
    fine("fence status", "strategies"),
    fine("fence on --dry-run", "dry_run"),
    failure("fence on --strategy nowhere", 2, "usage"),
    failure("fence off", 2, "usage"),
    fine("fence finish", "finished"),
    fine("fence finish --restored --dry-run", "dry_run"),
    fine("tenant list", "tenants"),
    fine("tenant list --status active --strategy row --limit 1", "tenants"),
    fine("tenant list --placement nowhere", "tenants"),
    failure("tenant list --status asleep", 2, "usage"),
    fine("tenant show acme", "tenant"),
    failure("tenant show nobody", 1, "unknown_tenant"),
    failure("tenant show NOBODY", 2, "usage"),
    fine("tenant create acme --strategy row", "tenant"),
    fine("tenant create newer --strategy row --dry-run", "dry_run"),
    failure("tenant create acme --strategy row --name Other", 1, "already_exists"),
    failure(
        "tenant create acme --strategy row --actor ops:carol",
        1,
        "already_exists",
    ),
    failure("tenant create acme", 2, "usage"),
    failure("tenant create newer --strategy nowhere", 1, "not_provisioned"),
    failure("tenant create admin --strategy row", 1, "reserved_name"),
    failure("tenant create newer --strategy row --slug globex", 1, "name_taken"),
    failure("tenant create newer --strategy row --status provisioning", 2, "usage"),
    failure("tenant create nobody --resume", 1, "unknown_tenant"),
    fine("tenant create acme --resume", "tenant"),
    fine("tenant rename acme --name Acme --dry-run", "dry_run"),
    fine("tenant rename acme --name acme", "changed"),
    failure("tenant rename acme", 2, "usage"),
    failure("tenant rename acme --slug globex", 1, "name_taken"),
    failure("tenant rename nobody --name x", 1, "unknown_tenant"),
    fine("tenant activate acme", "tenants"),
    failure("tenant activate nobody", 1, "unknown_tenant"),
    failure("tenant activate gone", 1, "wrong_status"),
    failure("tenant activate acme gone", 4, "tenants"),
    failure("tenant activate gone nobody", 1, "tenants"),
    failure("tenant activate", 2, "usage"),
    failure("tenant activate acme --all", 2, "usage"),
    fine("tenant activate --tenant acme --tenant globex", "tenants"),
    fine("tenant activate --status active --yes", "tenants"),
    failure("tenant suspend --all --dry-run --status active", 2, "usage"),
    fine("tenant activate --strategy nowhere", "tenants"),
    fine("tenant suspend acme --dry-run", "dry_run"),
    failure("tenant suspend gone", 1, "wrong_status"),
    failure("tenant suspend nobody", 1, "unknown_tenant"),
    failure("tenant suspend half", 1, "wrong_status"),
    fine("tenant archive gone", "tenants"),
    failure("tenant archive nobody", 1, "unknown_tenant"),
    fine("tenant restore gone --dry-run", "dry_run"),
    failure("tenant restore acme", 1, "wrong_status"),
    failure("tenant restore nobody", 1, "unknown_tenant"),
    fine("tenant delete gone --dry-run", "dry_run"),
    failure("tenant delete gone --confirm gone", 1, "in_grace"),
    failure("tenant delete gone --confirm acme", 2, "wrong_confirmation"),
    failure("tenant delete acme --confirm acme", 1, "wrong_status"),
    failure("tenant delete nobody --confirm nobody", 1, "unknown_tenant"),
    failure("tenant delete gone --grace soon", 2, "usage"),
    fine("member list acme", "members"),
    failure("member list nobody", 1, "unknown_tenant"),
    fine("member add acme alice --role owner", "changed"),
    fine("member add acme bob --dry-run", "dry_run"),
    failure("member add nobody alice", 1, "unknown_tenant"),
    failure("member add acme", 2, "usage"),
    fine("member remove acme nobody-at-all", "changed"),
    failure("member remove nobody alice", 1, "unknown_tenant"),
    failure("member remove acme alice --issuer i --every-issuer", 2, "usage"),
    fine("domain list acme", "domains"),
    failure("domain list nobody", 1, "unknown_tenant"),
    fine("domain add acme acme.test", "changed"),
    failure("domain add globex acme.test", 1, "name_taken"),
    failure("domain add acme not_a domain", 2, "usage"),
    fine("domain remove acme other.test", "changed"),
    failure("domain remove nobody acme.test", 1, "unknown_tenant"),
    fine("settings get acme", "settings"),
    fine("settings get acme seats", "value"),
    failure("settings get acme nothing", 1, "not_set"),
    failure("settings get nobody", 1, "unknown_tenant"),
    failure("settings get", 2, "usage"),
    fine("settings set acme seats 20", "changed"),
    fine("settings set acme seats 21 --dry-run", "dry_run"),
    failure("settings set acme seats twenty", 2, "usage"),
    failure("settings set nobody seats 20", 1, "unknown_tenant"),
    failure("settings set acme seats 21 --if-revision 7", 1, "changed_meanwhile"),
    failure("settings set acme", 2, "usage"),
    fine("settings unset acme nothing", "changed"),
    fine("settings unset acme seats --dry-run", "dry_run"),
    failure("settings unset nobody seats", 1, "unknown_tenant"),
    fine("impersonation list", "impersonations"),
    fine("impersonation grant acme --to support:carol --reason ticket", "secret"),
    fine(
        "impersonation grant acme --to support:carol --reason ticket --dry-run",
        "dry_run",
    ),
    failure("impersonation grant acme --to support:carol", 2, "usage"),
    failure("impersonation grant acme --reason ticket", 2, "usage"),
    failure(
        "impersonation grant acme --to support:carol --reason ticket --for 2h",
        2,
        "usage",
    ),
    failure(
        "impersonation grant acme --to support:carol --reason ticket --for 0s",
        2,
        "usage",
    ),
    failure(
        "impersonation grant acme --to support:carol --reason ticket --as mallory",
        1,
        "no_member",
    ),
    failure(
        "impersonation grant acme --to support:carol --reason ticket --issuer i",
        2,
        "usage",
    ),
    failure(
        "impersonation grant gone --to support:carol --reason ticket",
        1,
        "wrong_status",
    ),
    failure(
        "impersonation grant nobody --to support:carol --reason ticket",
        1,
        "unknown_tenant",
    ),
    fine("impersonation sweep", "swept"),
    fine("impersonation sweep --dry-run", "dry_run"),
    fine("impersonation end nothing", "changed"),
    fine("impersonation end nothing --dry-run", "dry_run"),
    failure("impersonation end NOTHING", 2, "usage"),
    fine("events list", "events"),
    fine("events list --tenant acme --after 1 --limit 1", "events"),
    fine("events list --tenant nobody", "events"),
    failure("events list --limit 0", 2, "usage"),
    fine("sql acme --command select/1", "rows"),
    fine("sql gone --command select/1", "rows"),
    fine("sql acme --dry-run --command select/1", "dry_run"),
    failure("sql nobody --command select/1", 1, "unknown_tenant"),
    failure("sql acme --command select/1;select/2", 2, "usage"),
    failure("sql acme --command nonsense", 1, "statement_failed"),
    failure("sql acme --command delete/from/notes", 1, "statement_failed"),
    found("check", "checks"),
    fine("explain / --header x-tenant-id:acme --subject alice", "decision"),
    found("explain / --header x-tenant-id:acme --subject mallory", "decision"),
    found("explain / --header x-tenant-id:nobody --subject alice", "decision"),
    found("explain /", "decision"),
    fine("explain --access public https://acme.example.com/", "decision"),
    failure("explain / --header Authorization:Bearer", 2, "usage"),
    failure("explain / --token-env UNSET", 2, "usage"),
    failure("explain --raw nowhere", 1, "unreadable_input"),
    found("migrate plan", "strategies"),
    fine("migrate plan acme", "strategies"),
    fine("migrate plan --tenant acme --verify-ledgers", "strategies"),
    fine("migrate plan --strategy database --include-archived", "strategies"),
    fine("migrate plan --status archived", "strategies"),
    failure("migrate plan nobody", 1, "unknown_tenant"),
    failure("migrate plan --strategy nowhere", 1, "no_migrations"),
    failure("migrate plan half", 1, "unknown_strategy"),
    failure("migrate plan gone", 2, "usage"),
    failure("migrate plan acme --all", 2, "usage"),
    fine("migrate run --dry-run", "dry_run"),
    failure("migrate run --yes", 4, "unknown_strategies"),
    fine("migrate run --strategy row", "behind"),
    fine(
        "migrate run acme globex --canary acme --soak 0s --jobs 1 --max-failures 1 --lock-timeout 1s",
        "run",
    ),
    failure("migrate run acme --canary globex", 2, "usage"),
    failure("migrate run --canary gone", 2, "usage"),
    failure("migrate run --canary nobody", 1, "unknown_tenant"),
    failure("migrate run --canary 0%", 2, "usage"),
    failure("migrate run --soak 1s", 2, "usage"),
    failure("migrate run --jobs 0", 2, "usage"),
    failure("migrate run --max-failures 0", 2, "usage"),
    failure("migrate run --lock-timeout 0s", 2, "usage"),
    failure("migrate run --fake 77", 2, "usage"),
    fine("migrate run --fake --strategy row", "run"),
    failure("migrate run acme --retry-failed", 2, "usage"),
    failure("migrate plan --status provisioning", 1, "unknown_strategy"),
    failure("migrate run nobody", 1, "unknown_tenant"),
    fine("migrate status", "run"),
    fine("migrate status 1", "failures"),
    failure("migrate status 4711", 1, "unknown_run"),
    failure("migrate status latest", 2, "usage"),
    failure("migrate resume", 1, "nothing_to_resume"),
    failure("migrate resume 1", 1, "run_ended"),
    failure("migrate resume 4711 --retry-failed", 1, "unknown_run"),
    fine("migrate drift acme", "strategies"),
    fine("migrate drift --strategy database --build", "strategies"),
    failure("migrate drift --reference nobody", 1, "unknown_tenant"),
    failure("migrate drift --reference acme --build", 2, "usage"),
    failure("migrate drift", 1, "unknown_strategy"),
    fine("runs list --limit 1", "runs"),
    fine("runs show 1", "run"),
    failure("runs show 4711", 1, "unknown_run"),
    failure("runs list --limit 0", 2, "usage"),
    failure("migrate", 2, "usage"),
    failure("", 2, "usage"),
    failure("tenant", 2, "usage"),
    failure("nonsense", 2, "usage"),
    failure("tenant list --file nowhere.toml", 1, "no_file"),
];

fn set_up(service: &Service) {
    for line in [
        "tenant create acme --strategy row",
        "tenant create globex --strategy row",
        "tenant create gone --strategy row",
        "tenant archive gone",
        "member add acme alice --role owner",
        "domain add acme acme.test",
        "settings set acme seats 20",
    ] {
        service.run(line.split(' ')).ended(0);
    }
    half_made(service);
}

/// A tenant whose creation was begun by a sign-up, and never completed.
fn half_made(service: &Service) {
    use tenancy_sqlx::{CreationKey, NewTenant, PgDirectory, SqliteDirectory};
    let tenant = NewTenant::new("half".parse().unwrap(), "broken".parse().unwrap());
    let key = CreationKey::random();
    service.runtime.block_on(async {
        macro_rules! begin {
            ($directory:expr, $db:ty) => {{
                let broken = Broken;
                let db =
                    tenancy_sqlx::TenantDb::<$db>::new(tenancy_sqlx::StrategyRegistry::new().with(broken).unwrap());
                let failed = $directory.create(&db, &tenant, &key).await.unwrap_err();
                assert!(
                    matches!(failed, tenancy_sqlx::CreateError::Provision(_)),
                    "{failed:?}"
                );
                $directory.close().await;
            }};
        }
        match &service.database {
            Some(database) => begin!(
                PgDirectory::open(database.administrator()).await.unwrap(),
                sqlx::Postgres
            ),
            None => begin!(
                SqliteDirectory::open(service.folder().join("data/directory.sqlite"))
                    .await
                    .unwrap(),
                sqlx::Sqlite
            ),
        }
    });
}

/// Makes no place.
struct Broken;

impl<DB: sqlx::Database> tenancy_sqlx::IsolationStrategy<DB> for Broken {
    fn name(&self) -> tenancy::names::StrategyName {
        tenancy::names::StrategyName::from_static("broken")
    }

    fn begin<'f>(
        &'f self,
        _: tenancy_sqlx::Binding<'f>,
    ) -> tenancy_sqlx::StrategyFuture<'f, tenancy_sqlx::StrategyTransaction<DB>> {
        Box::pin(async { Err(tenancy_sqlx::StrategyError::Closed) })
    }

    fn provision<'f>(&'f self, _: &'f tenancy::directory::TenantRecord) -> tenancy_sqlx::StrategyFuture<'f, ()> {
        Box::pin(async { Err(tenancy_sqlx::StrategyError::Closed) })
    }

    fn close(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// A `/` in a row's SQL is a space.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let is_sql = words.last().is_some_and(|last| last == "--command");
        words.push(if is_sql {
            word.replace('/', " ")
        } else {
            word.to_owned()
        });
    }
    words
}

fn check_text(row: &Row, done: &Done, terminal: bool) {
    let Row { line, exit, .. } = row;
    assert_eq!(done.code, Some(*exit), "`{line}` (terminal: {terminal}): {done:#?}");
    let said = if terminal { &done.stdout } else { &done.stderr };
    if matches!(exit, 1 | 2) && row.has != "tenants" {
        let is_help = line.is_empty() || matches!(*line, "tenant" | "migrate");
        assert!(said.contains("error: ") || is_help, "`{line}`: {done:#?}");
        let has_next = said.contains("next: ") || said.contains("For more information") || is_help;
        assert!(has_next, "`{line}` says not what to do next: {done:#?}");
        if !terminal {
            assert_eq!(done.stdout, "", "`{line}`: stdout is for data");
        }
    }
}

fn check_json(row: &Row, done: &Done, terminal: bool) {
    let Row { line, exit, has } = row;
    assert_eq!(
        done.code,
        Some(*exit),
        "`{line} --json` (terminal: {terminal}): {done:#?}"
    );
    let document = done.document();
    if matches!(exit, 1 | 2) && *has != "tenants" {
        assert_eq!(document["error"]["code"], *has, "`{line}`: {done:#?}");
        assert!(
            document["error"]["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "`{line}`: {done:#?}"
        );
        assert_ne!(
            document["next"],
            serde_json::json!([]),
            "`{line}` says not what to do next: {done:#?}"
        );
    } else {
        assert!(document.get(has).is_some(), "`{line}` has no `{has}`: {done:#?}");
        assert!(document.get("error").is_none(), "`{line}`: {done:#?}");
    }
}

fn each_row_ends_as_it_should(service: &Service) {
    set_up(service);
    for row in ROWS {
        let words = words(row.line);
        let line = || words.iter().map(String::as_str);
        check_text(row, &service.run(line()), false);
        check_json(row, &service.type_in(line().chain(["--json"]), ""), true);
        // How an answer is printed does not depend on the database.
        if service.is_sqlite() {
            check_text(row, &service.type_in(line(), ""), true);
            check_json(row, &service.run(line().chain(["--json"])), false);
        }
    }
}
on_both!(rows, super::each_row_ends_as_it_should);

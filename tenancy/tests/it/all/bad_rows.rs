//! Rows of files that are wrong, each made of a good one.

pub(super) const GOOD: &str = r#"
[cache]
enabled = true
[limits]
requests_per_second = 100
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
pub(super) type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // No TOML, other versions, unknown keys.
    ("version = 1", "version = ", &["1 problem", "line 1: no TOML"]),
    ("version = 1", "version = 1\nversion = 1", &["no TOML"]),
    ("\"APP_URL\"\nadmin", "postgres://app:hunter2-never-shown@localhost/x\nadmin", &["no TOML"]),
    ("\"APP_URL\"\nadmin", "\"postgres://app:hunter2-never-shown@localhost/x\nadmin", &["no TOML"]),
    ("enabled = true", "\"postgres://app:hunter2-never-shown@localhost/x\" = 1", &["`cache.a key that is not shown`: this key is not known here"]),
    ("enabled = true", "hunter2-never-shown", &["no TOML"]),
    ("version = 1", "version = 2", &["`version`: 2 is not a version", "expected 1"]),
    ("version = 1", "version = \"1\"", &["`version`: expected the `version`", "which is the number 1", "found a text"]),
    ("[cache]", "[cahce]", &["`cahce`: unknown key `cahce`, did you mean `cache`?"]),
    ("url_env = \"APP_URL\"\nadmin", "ulr_env = \"APP_URL\"\nadmin", &["`database.ulr_env`: unknown key", "did you mean `url_env`?"]),
    ("url_env = \"APP_URL\"\nadmin", "url = \"postgres://app:hunter2-never-shown@localhost/x\"\nadmin", &["`database.url`: unknown key `url`", "`url_env`, `url_file`"]),
    ("[strategies.schema]", "[strategies.shcema]", &["`strategies.shcema`: unknown key", "did you mean `schema`?"]),
    ("prefix = \"t_\"", "prefx = \"t_\"", &["`strategies.schema.prefx`", "did you mean `prefix`?"]),
    ("name = \"audit_log\"", "nmae = \"audit_log\"", &["`strategies.row.tables[1].nmae`", "did you mean `name`?"]),
    ("max_connections = 10", "max_conections = 10", &["`database.pool.max_conections`", "did you mean `max_connections`?"]),
    ("header_name =", "heder_name =", &["`resolution.heder_name`", "did you mean `header_name`?"]),
    ("membership =", "member =", &["`enforcement.member`", "did you mean `membership`?"]),
    ("audience =", "audiense =", &["`jwt.audiense`", "did you mean `audience`?"]),
    // Types.
    ("max_connections = 10", "max_connections = \"hunter2-never-shown\"", &["`database.pool.max_connections`: expected a whole number that is not negative, found a text"]),
    ("max_connections = 10", "max_connections = -1", &["`database.pool.max_connections`: expected a whole number that is not negative"]),
    ("quarantine_days = 30", "quarantine_days = 1.5", &["`directory.quarantine_days`: expected a whole number that is not negative, found a fraction"]),
    ("url_env = \"APP_URL\"\nadmin", "url_env = 5\nadmin", &["`database.url_env`: expected a text in quotes, found a number"]),
    ("enabled = true", "enabled = \"hunter2-never-shown\"", &["`cache.enabled`: expected `true` or `false`, found a text"]),
    ("tables = [\"notes\",", "tables = [7,", &["`strategies.row.tables[0]`: expected the name of a table, or a table with `name`, found a number"]),
    ("[strategies.schema]\nprefix = \"t_\"", "[strategies]\nschema = \"hunter2-never-shown\"", &["`strategies.schema`: expected a table, found a text"]),
    ("tenant_column_type = \"uuid\"", "tenant_column_type = \"hunter2-never-shown\"", &["`strategies.row.tables[1].tenant_column_type`: expected one of `text`, `uuid`, `smallint`, `integer`, `bigint`"]),
    ("tenant_column = \"org\"", "grants = [\"select\", \"truncate\"]", &["`strategies.row.tables[1].grants[1]`: expected one of `select`, `insert`, `update`, `delete`"]),
    ("membership = \"directory\"", "membership = \"hunter2-never-shown\"", &["`enforcement.membership`: expected `claim` or `directory`"]),
    ("prefix = \"t_\"", "fence = \"hunter2-never-shown\"", &["`strategies.schema.fence`: expected `true` or `false`, found a text"]),
    ("[strategies.database]", "[strategies.database]\npool = { max_transactions_per_tenant = 3 }", &["`strategies.database.pool.max_transactions_per_tenant`: tenants of this strategy share no pool: set `max_connections_per_tenant`"]),
    ("[strategies.database]", "[strategies.database]\nfenced = true", &["`strategies.database.fenced`", "did you mean `fence`?"]),
    // Values.
    ("prefix = \"t_\"", "fence = true\ncitus = true", &["`strategies.schema.fence`: a Citus cluster has no fence: remove this key, or `citus`"]),
    ("prefix = \"t_\"", "minimum_version = 1\ncitus = true", &["`strategies.schema.minimum_version`: a Citus cluster has no record of versions: remove this key, or `citus`"]),
    ("[strategies.row]", "[strategies.row]\nminimum_version = 99", &["`strategies.row.minimum_version`: expected at most 1, the version of the newest migration: no tenant has a greater one"]),
    ("prefix = \"t_\"", "minimum_version = -1", &["`strategies.schema.minimum_version`: expected a whole number that is not negative"]),
    ("[strategies.database]", "[strategies.database]\nminimal_version = 5", &["`strategies.database.minimal_version`", "did you mean `minimum_version`?"]),
    ("max_connections = 10", "max_connections = 0", &["`database.pool.max_connections`: expected a number of at least 1"]),
    ("max_connections = 10", "max_transactions_per_tenant = 0", &["`database.pool.max_transactions_per_tenant`: expected a number of at least 1"]),
    ("max_connections = 10", "max_connections = 10\nmax_transactions_per_tenant = 10", &["`database.pool.max_transactions_per_tenant`: expected fewer than the 10 connections: as many bound nothing"]),
    ("[database.pool]", "tenant_in_application_name = \"yes\"\n[database.pool]", &["`database.tenant_in_application_name`: expected `true` or `false`"]),
    ("max_connections = 10", "acquire_timeout_seconds = 0", &["`database.pool.acquire_timeout_seconds`: expected a number of at least 1"]),
    ("enabled = true", "capacity = 0", &["`cache.capacity`: expected a number from 1 to 1000000"]),
    ("requests_per_second = 100", "requests_per_second = 0", &["`limits.requests_per_second`: expected a number from 1 to 1000000; for no limit, remove the key"]),
    ("requests_per_second = 100", "requests_per_second = 1000001", &["`limits.requests_per_second`: expected a number from 1 to 1000000"]),
    ("requests_per_second = 100", "requests_per_second = \"hunter2-never-shown\"", &["`limits.requests_per_second`: expected a"]),
    ("requests_per_second = 100", "burst = 5", &["`limits.burst`: there is no rate that it is a burst of: add `requests_per_second`"]),
    ("requests_per_second = 100", "requests_under_way = 0", &["`limits.requests_under_way`: expected a number from 1 to 1000000"]),
    ("requests_per_second = 100", "requests_under_wy = 5", &["`limits.requests_under_wy`: unknown key `requests_under_wy`, did you mean `requests_under_way`?"]),
    ("requests_per_second = 100", "settings_key = \"limits\"", &["`limits.settings_key`: a tenant whose settings have no limits needs those of every tenant"]),
    ("requests_per_second = 100", "requests_per_second = 100\nsettings_key = \"\"", &["`limits.settings_key`: expected a key of tenants' settings, such as `limits`"]),
    ("requests_per_second = 100", "requests_per_second = 100\nsetting_key = \"limits\"", &["`limits.setting_key`: unknown key `setting_key`, did you mean `settings_key`?"]),
    ("requests_per_second = 100", "requests_per_second = 100\nsettings_key = true", &["`limits.settings_key`: expected a"]),
    ("enabled = true", "time_to_live_seconds = 86401", &["`cache.time_to_live_seconds`: expected a number from 1 to 86400"]),
    ("quarantine_days = 30", "lock_timeout_seconds = 0", &["`directory.lock_timeout_seconds`: expected a number of at least 1"]),
    ("prefix = \"t_\"", "prefix = \"ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\"", &["`strategies.schema.prefix`: expected at most 62 bytes"]),
    ("tables = [\"notes\",", "tables = [\"notes\", \"notes\",", &["`strategies.row.tables[1]`: the table \"public\".\"notes\" is declared twice: remove one"]),
    ("tables = [\"notes\",", "tables = [\"\",", &["`strategies.row.tables[0].name`: a name in SQL is not empty"]),
    ("tenant_column = \"org\"", "tenant_column = \"\"", &["`strategies.row.tables[1].tenant_column`: a name in SQL is not empty"]),
    ("schema = \"audit\"", "schema = \"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\"", &["`strategies.row.tables[1].schema`: a name in SQL has at most 63 bytes, and this has 64"]),
    ("name = \"audit_log\", ", "", &["`strategies.row.tables[1].name`: required"]),
    ("[strategies.row]\n", "[strategies.row]\nsetting = \"TenantId\"\n", &["`strategies.row.setting`: a setting is two names"]),
    ("[strategies.row]\n", "[strategies.row]\nviews = [\"\"]\n", &["`strategies.row.views[0]`: a name in SQL is not empty"]),
    ("[strategies.row]\n", "[strategies.row]\nother_applications = [\"a\", \"\"]\n", &["`strategies.row.other_applications[1]`: a name in SQL is not empty"]),
    ("[strategies.database]\n", "[strategies.database]\nmax_connections_per_tenant = 0\n", &["`strategies.database.max_connections_per_tenant`: expected a number of at least 1"]),
    ("[strategies.database]\n", "[strategies.database]\ntemplate = \"\"\n", &["`strategies.database.template`: a name in SQL is not empty"]),
    ("servers.eu]", "servers.EU]", &["`strategies.database.servers.EU`"]),
    // Resolvers and claims.
    ("resolvers = [\"header\"]", "resolvers = []", &["`resolution.resolvers`: at least one resolver is required"]),
    ("resolvers = [\"header\"]", "resolvers = [\"hedaer\", \"subdoman\"]", &["unknown resolver `hedaer`, did you mean `header`?", "unknown resolver `subdoman`, did you mean `subdomain`?"]),
    ("resolvers = [\"header\"]", "resolvers = [\"subdomain\", \"path\"]", &["`resolution.base_domain`: the resolver `subdomain` needs it", "`resolution.path_template`: the resolver `path` needs it"]),
    ("resolvers = [\"header\"]", "resolvers = [\"header\", \"header\"]", &["`resolution.resolvers`"]),
    ("header_name = \"x-tenant-id\"", "header_name = \"a b\"\nbase_domain = \"co.uk\"", &["`resolution.header_name`", "`resolution.base_domain`: `co.uk` is a public suffix"]),
    ("header_name = \"x-tenant-id\"", "header_name = \"x-tenant-id\"\nreserved = [\"A B\"]", &["`resolution.reserved`"]),
    ("header_name = \"x-tenant-id\"", "header_name = \"x-tenant-id\"\ntrusted_hops = 1", &["`resolution.forwarded_header`: required with `trusted_hops`"]),
    // Issuers.
    ("audience = \"notes\"", "audience = \"notes\"\nleeway_seconds = 61", &["`jwt.leeway_seconds`: expected at most 60"]),
    ("audience = \"notes\"", "typ = \"\"\naudience = \"notes\"", &["`jwt.typ`: expected a text that is not empty"]),
    ("secret_file = \"key\"", "secret_file = \"missing\"", &["`jwt.keys[0].secret_file`: failed to read", "missing"]),
    ("secret_file = \"key\"", "secret = \"hunter2-never-shown\"", &["`jwt.keys[0]`", "bytes"]),
    ("algorithm = \"HS256\"", "algorithm = \"none\"", &["`jwt.keys[0].algorithm`: expected one of `HS256`"]),
    ("secret_file = \"key\"", "secret_file = \"missing\"\n[[jwt.keys]]\nkid = \"2\"\nalgorithm = \"HS256\"\nsecret_file = \"other\"", &["`jwt.keys[0].secret_file`", "`jwt.keys[1].secret_file`"]),
    // URLs, by variables and files.
    ("\"APP_URL\"\nadmin", "\"UNSET_VARIABLE\"\nadmin", &["`database.url_env`: the environment variable `UNSET_VARIABLE` is not set: set it to the application's URL, `postgres://ROLE:PASSWORD@HOST/DATABASE`"]),
    ("\"APP_URL\"\nadmin", "\"EMPTY\"\nadmin", &["`database.url_env`: the environment variable `EMPTY` is empty"]),
    ("\"ADMIN_URL\"", "\"EMPTY\"", &["`database.administrator_url_env`: the environment variable `EMPTY` is empty: unset it to serve without the administrator"]),
    ("\"APP_URL\"\nadmin", "\"postgres://app:hunter2-never-shown@localhost/x\"\nadmin", &["`database.url_env`: expected the name of an environment variable, such as `DATABASE_URL`, and not what it holds"]),
    ("url_env = \"APP_URL\"\nadmin", "url_file = \"postgres://app:hunter2-never-shown@localhost/x\"\nadmin", &["`database.url_file`: expected the path of a file that holds the URL, and not the URL itself"]),
    ("url_env = \"APP_URL\"\nadmin", "url_file = \"no-such-file\"\nadmin", &["`database.url_file`: failed to read", "no-such-file"]),
    ("url_env = \"APP_URL\"\nadmin", "url_file = \"empty\"\nadmin", &["`database.url_file`: the file", "is empty"]),
    ("url_env = \"APP_URL\"\nadmin", "url_env = \"APP_URL\"\nurl_file = \"key\"\nadmin", &["`database.url_env`: contradicts `database.url_file`: remove one"]),
    ("\"APP_URL\"\nadmin", "\"OTHER_SCHEME\"\nadmin", &["`database.url_env`: this is no URL of a PostgreSQL database: expected `postgres://ROLE:PASSWORD@HOST/DATABASE`"]),
    ("\"APP_URL\"\nadmin", "\"BAD_PORT\"\nadmin", &["`database.url_env`: this is no URL of a PostgreSQL database"]),
    ("\"APP_URL\"\nadmin", "\"NO_ROLE\"\nadmin", &["`database.url_env`: the URL names no role: expected `postgres://ROLE:PASSWORD@HOST/DATABASE`"]),
    ("\"APP_URL\"\nadmin", "\"NO_DATABASE\"\nadmin", &["`database.url_env`: the URL names no database"]),
    ("\"ADMIN_URL\"", "\"APP_URL\"", &["`database.administrator_url_env`: both URLs are of one role", "make the application a role of its own"]),
    ("url_env = \"APP_URL\"\nadmin", "admin", &["`database.url_env`: required beside the administrator's"]),
    ("url_env = \"APP_URL\"\nadministrator_url_env = \"ADMIN_URL\"", "", &["`database.url_env`: required: the environment variable that holds the application's URL"]),
    ("servers.eu]\nurl_env = \"APP_URL\"", "servers.eu]", &["`strategies.database.servers.eu.url_env`: required"]),
    ("servers.eu]\nurl_env = \"APP_URL\"", "servers.eu]\nurl_env = \"UNSET_VARIABLE\"", &["`strategies.database.servers.eu.url_env`: the environment variable `UNSET_VARIABLE` is not set"]),
    ("quarantine_days = 30", "url_env = \"UNSET_VARIABLE\"", &["`directory.url_env`: the environment variable `UNSET_VARIABLE` is not set"]),
    // Folders.
    ("prefix = \"t_\"", "migrations = \"no-such-folder\"", &["`strategies.schema.migrations`: failed to read", "expected a folder of migrations"]),
    ("[strategies.row]\n", "[strategies.row]\nmigrations = \"folder\"\n", &["`strategies.row.migrations`: `with_migrations(\"row\", …)` has the migrations already: remove this key"]),
    ("[strategies.database]\n", "[strategies.database]\nmigrations = \"key\"\n", &["`strategies.database.migrations`: failed to read"]),
    ("tables = [\"notes\", {", "tables = []\nviews = []\nshared_tables = []\n#", &["`strategies.row.tables`: at least one table is required, as in `tables = [\"notes\"]`"]),
];

#[rustfmt::skip]
pub(super) const SQLITE_ROWS: &[Row] = &[
    ("[directory]\nfile = \"directory.sqlite\"", "", &["`directory.file`: required: the path of the file"]),
    ("file = \"shared.sqlite\"\n", "", &["`strategies.row.file`: required: the path of the file"]),
    ("file = \"shared.sqlite\"", "file = \"\"", &["`strategies.row.file`: expected the path of the file"]),
    ("folder = \"tenants\"", "folder = \"tenants\"\npool = { max_transactions_per_tenant = 3 }", &["`strategies.database.pool.max_transactions_per_tenant`: tenants of this strategy share no pool: remove the key"]),
    ("folder = \"tenants\"\n", "", &["`strategies.database.folder`: required: the path of the folder"]),
    ("base_table = \"notes_rows\"", "base_table = \"notes\"", &["`strategies.row.tables[0]`"]),
    ("base_table = \"notes_rows\"", "base_table = \"no-name\"", &["`strategies.row.tables[0]`: a table or column is named by"]),
    (", base_table = \"notes_rows\"", "", &["`strategies.row.tables[0].base_table`: required"]),
    ("tables = [", "tables = [{ name = \"notes\", base_table = \"other_rows\" }, ", &["`strategies.row.tables[1]`: a table of this name is declared twice"]),
    ("[strategies.database]", "[strategies.schema]\n[strategies.database]", &["`strategies.schema`: unknown key `schema`", "`row`, `database`"]),
    ("[strategies.database]", "[database]\nurl_env = \"X\"\n[strategies.database]", &["`database`: unknown key `database`"]),
    ("migrations = \"migrations\"", "max_open = 0", &["`strategies.database.max_open`: expected a number of at least 1"]),
    ("migrations = \"migrations\"", "busy_timeout_seconds = 0", &["`strategies.database.busy_timeout_seconds`: expected a number of at least 1"]),
];

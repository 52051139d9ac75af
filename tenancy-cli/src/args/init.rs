//! What a new file is to describe.

use std::path::PathBuf;

use clap::Subcommand;
use tenancy_sqlx::PgIdentifier;

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Without it, a file that is there already is set up as it is.
    #[command(subcommand)]
    pub(crate) database: Option<InitDatabase>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InitDatabase {
    /// Tenants in SQLite files.
    Sqlite(InitSqlite),
    /// Tenants on a PostgreSQL server.
    Postgres(InitPostgres),
}

/// How tenants' data is kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// Rows of shared tables.
    Row,
    /// A schema for each tenant (PostgreSQL).
    Schema,
    /// A database, or a file, for each tenant.
    Database,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Described {
    /// A strategy; may be given several times [default: database].
    #[arg(long = "strategy", value_enum)]
    pub(crate) strategies: Vec<Strategy>,
    /// A table that tenants share, for the strategy `row`; may be given several times. On SQLite it is named `NAME=BASE`:
    /// queries see a tenant's rows of the table BASE as NAME.
    #[arg(long = "table", value_name = "NAME")]
    pub(crate) tables: Vec<String>,
    /// The folder of the migrations of each strategy but `row`, relative to the file.
    #[arg(long, value_name = "PATH")]
    pub(crate) migrations: Option<PathBuf>,
    /// The folder of the migrations of the strategy `row`, relative to the file.
    #[arg(long, value_name = "PATH")]
    pub(crate) row_migrations: Option<PathBuf>,
    /// The issuer whose tokens are accepted, as its `iss` says it. It is asked where its keys are (OpenID Connect Discovery;
    /// the service needs the feature `jwks`), unless `--secret-file` is given.
    #[arg(long, value_name = "URL", requires = "audience")]
    pub(crate) issuer: Option<String>,
    /// Whom its tokens are for, as their `aud` says it.
    #[arg(long, value_name = "NAME", requires = "issuer")]
    pub(crate) audience: Option<String>,
    /// The file of a secret that tokens are signed with (HS256), relative to the file of the configuration. If it is missing, it
    /// is made, so that tokens can be signed by hand for a first run.
    #[arg(long, value_name = "PATH", requires = "issuer")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitSqlite {
    #[command(flatten)]
    pub(crate) described: Described,
    /// The folder of the databases, relative to the file.
    #[arg(long, value_name = "PATH", default_value = "data")]
    pub(crate) folder: PathBuf,
    /// Print the file, and write and make nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The two roles are made as the role of a URL that may make roles and databases. Their own URLs are written to files beside
/// the configuration that nobody else may read. Without such a URL, or with `--print-sql`, the statements are printed.
#[derive(Debug, clap::Args)]
pub(crate) struct InitPostgres {
    #[command(flatten)]
    pub(crate) described: Described,
    /// The database.
    #[arg(long, default_value = "tenants")]
    pub(crate) database: PgIdentifier,
    /// The role that runs tenants' transactions.
    #[arg(long, value_name = "NAME", default_value = "tenants_app")]
    pub(crate) application_role: PgIdentifier,
    /// The role that owns and migrates the tables, and makes tenants' places.
    #[arg(long, value_name = "NAME", default_value = "tenants_owner")]
    pub(crate) administrator_role: PgIdentifier,
    /// The variable that holds the URL of a role that may make roles and databases.
    #[arg(long, value_name = "VARIABLE", default_value = "DATABASE_SETUP_URL")]
    pub(crate) setup_url_env: String,
    /// Print the statements that make the roles and the database, and make nothing: the file then names the variables
    /// `DATABASE_URL` and `DATABASE_ADMIN_URL`.
    #[arg(long)]
    pub(crate) print_sql: bool,
    /// Print the file and the statements, and write and make nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

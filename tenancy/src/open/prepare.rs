//! From the source to what can be opened, or everything that is wrong with it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tenancy_cache::CacheLimits;
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::ReservedNames;
use tenancy_core::resolve::Resolver;
use tenancy_sqlx::{IsolationStrategy, SqlDirectory, StrategyRegistry, TenantDb};

use super::data::Data;
use super::database::{ForMigrations, OpenDatabase, Opens};
use super::error::{OpenError, OpenFailure, OpenFailures};
use super::on_use::OnUse;
use crate::file::{Check, ConfigProblems, Document, LimitsPlan, Migrations, Variables, build_enforcer};

/// Where a configuration comes from.
pub(super) enum Source<C> {
    File(PathBuf),
    Text { text: String, base_dir: PathBuf },
    Config { config: Box<C>, base_dir: PathBuf },
}

/// What a configuration is opened with.
pub(super) struct Parts<DB: OpenDatabase> {
    pub(super) source: Source<<DB as Opens>::Config>,
    pub(super) variables: Variables,
    pub(super) own_tables: Vec<String>,
    pub(super) migrations: Migrations,
    pub(super) strategies: Vec<Arc<dyn IsolationStrategy<DB>>>,
    pub(super) resolvers: Vec<Arc<dyn Resolver>>,
    /// Whether the administrator's URLs are left out.
    pub(super) serves_only: bool,
    /// Whether the strategies are opened for the sake of tenants' places alone, and which of them are fenced whatever the file
    /// says.
    pub(super) places_alone: Option<Vec<String>>,
    /// Whether the strategies are opened to be migrated.
    pub(super) migrates: Option<ForMigrations>,
}

/// A configuration that is right.
pub(super) struct Prepared<DB: OpenDatabase, E> {
    pub(super) plan: <DB as Opens>::Plan,
    strategies: Vec<Arc<dyn IsolationStrategy<DB>>>,
    pub(super) reserved: ReservedNames,
    places_alone: bool,
    migrates: Option<ForMigrations>,
    /// What was made of the configuration besides.
    pub(super) extra: E,
}

/// The rules for requests.
#[cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "they are checked, and no requests come")
)]
pub(super) struct Rules {
    /// If they are right.
    pub(super) enforcer: Option<Enforcer>,
    /// How long answers are cached, if they are.
    pub(super) cache: Option<CacheLimits>,
    /// What each tenant may use, if that is limited.
    pub(super) limits: Option<LimitsPlan>,
}

impl<DB: OpenDatabase> Parts<DB> {
    /// Reads and checks everything, and connects to nothing. `needs_resolvers` unless no requests come; `extra` makes what
    /// else there is, and notes what is wrong.
    pub(super) async fn prepare<E>(
        self,
        needs_resolvers: bool,
        extra: impl FnOnce(&<DB as Opens>::Config, Rules, &mut Check) -> Option<E> + Send,
    ) -> Result<Prepared<DB, E>, OpenError>
    where
        E: Send,
    {
        let Self {
            source,
            variables,
            own_tables,
            mut migrations,
            strategies,
            resolvers,
            serves_only,
            places_alone,
            migrates,
        } = self;
        let (mut document, mut config, base_dir, file) = read::<DB>(source, &own_tables)?;
        if serves_only {
            DB::leave_out_administrator(&mut config);
        }
        for strategy in places_alone.iter().flatten() {
            DB::fence(&mut config, strategy);
        }
        let mut check = Check::new(&base_dir, variables);
        check.serves_only = serves_only;
        check.places_alone = places_alone.is_some();
        if !document.is_toml() {
            return Err(ConfigProblems::new(file, document.take_problems()).into());
        }
        let unread = document.take_problems();
        let is_read = unread.is_empty();
        let built = if needs_resolvers || !DB::tenancy(&config).resolution.resolvers.is_empty() {
            let without = |key: &str| {
                document
                    .read_without::<DB::Config>(key)
                    .map(|config| DB::tenancy(&config))
            };
            build_enforcer(&DB::tenancy(&config), &resolvers, without, &mut check)
        } else {
            let reserved = DB::tenancy(&config).resolution.reserved_names();
            check
                .value("resolution.reserved", reserved)
                .map(|reserved| (Enforcer::new(tenancy_core::resolve::ResolverChain::new()), reserved))
        };
        let (enforcer, reserved) = built.unzip();
        let rules = Rules {
            enforcer,
            cache: DB::cache(&config).limits(&mut check),
            limits: DB::limits(&config).plan(&mut check),
        };
        let extra = extra(&config, rules, &mut check);
        let plan = DB::plan(&config, &mut migrations, &mut check).await;
        refuse_other_migrations(&migrations, &DB::strategies(&config), &mut check);
        if DB::strategies(&config).is_empty() && strategies.is_empty() {
            check.missing(
                "strategies",
                "at least one is required, such as a table `[strategies.row]`",
            );
        }
        document.put_back(unread);
        let problems = check.into_problems(&mut document);
        match (plan, reserved, extra) {
            (Some(plan), Some(reserved), Some(extra)) if problems.is_empty() && is_read => Ok(Prepared {
                plan,
                strategies,
                reserved,
                places_alone: places_alone.is_some(),
                migrates,
                extra,
            }),
            _ => Err(ConfigProblems::new(file, problems).into()),
        }
    }
}

impl<DB: OpenDatabase, E> Prepared<DB, E> {
    /// Opens everything. What fails is named together, and then all of it is closed again.
    pub(super) async fn connect(mut self) -> Result<(Data<DB>, E), OpenError> {
        let mut failures = Vec::new();
        let mut registry = StrategyRegistry::new();
        let mut register = |key: String, strategy: Opened<DB>| {
            if let Err(failure) = strategy.and_then(|strategy| Ok(registry.register(strategy)?)) {
                failures.push(OpenFailure::new(key, failure));
            }
        };
        if self.places_alone {
            DB::leave_out_unfenced(&mut self.plan);
        }
        for opener in DB::openers(&mut self.plan, self.migrates) {
            let key = format!("strategies.{}", opener.name);
            let strategy: Opened<DB> = if self.places_alone {
                Ok(Arc::new(OnUse::new(opener)))
            } else {
                opener.open.await.map_err(Into::into)
            };
            register(key, strategy);
        }
        for strategy in self.strategies {
            register(format!("strategies.{}", strategy.name()), Ok(strategy));
        }
        let reads = self.migrates.is_some_and(|migrates| migrates.reads);
        let directory = DB::open_directory(&self.plan, self.reserved, reads).await;
        let directory = directory.map_err(|failure| failures.push(failure)).ok();
        let db = TenantDb::new(registry);
        match directory {
            Some(directory) if failures.is_empty() => {
                // Past every cache. It has no places, and so does not hold what holds it.
                let db = db.with_directory(directory.clone());
                let data = Data {
                    directory: following(directory, &db),
                    db,
                    reach: DB::reach(&self.plan),
                };
                Ok((data, self.extra))
            }
            directory => {
                db.close().await;
                if let Some(directory) = directory {
                    directory.close().await;
                }
                Err(OpenFailures::new(failures).into())
            }
        }
    }
}

/// A strategy that was opened, or was not.
type Opened<DB> = Result<Arc<dyn IsolationStrategy<DB>>, Box<dyn Error + Send + Sync>>;

/// The directory whose verbs also change places, if one of the strategies has any and the directory can be changed.
fn following<DB: OpenDatabase>(directory: SqlDirectory<DB>, db: &TenantDb<DB>) -> SqlDirectory<DB> {
    let strategies = db.strategies();
    let is_fenced = |name| strategies.find(name).is_ok_and(|strategy| strategy.is_fenced());
    let has_places = strategies.names().any(is_fenced);
    if has_places && !directory.is_read_only() {
        directory.with_places(db)
    } else {
        directory
    }
}

/// The text, its tables, the folder that paths begin in, and the file.
type Read<C> = (Document, C, PathBuf, Option<PathBuf>);

fn read<DB: OpenDatabase>(
    source: Source<<DB as Opens>::Config>,
    own_tables: &[String],
) -> Result<Read<<DB as Opens>::Config>, OpenError> {
    let (text, base_dir, file) = match source {
        Source::Config { config, base_dir } => return Ok((Document::default(), *config, base_dir, None)),
        Source::Text { text, base_dir } => (text, base_dir, None),
        Source::File(path) => match fs::read_to_string(&path) {
            Ok(text) => {
                let base_dir = path.parent().map(Path::to_owned).unwrap_or_default();
                (text, base_dir, Some(path))
            }
            Err(source) => return Err(OpenError::Read { path, source }),
        },
    };
    let mut document = Document::parse(&text);
    document.leave_out(own_tables);
    let config = if document.is_toml() {
        document.read()
    } else {
        Default::default()
    };
    Ok((document, config, base_dir, file))
}

/// Migrations that are compiled in for a strategy that has no table.
fn refuse_other_migrations(migrations: &Migrations, strategies: &[&str], check: &mut Check) {
    for (name, _) in migrations {
        let problem = if strategies.contains(&name.as_str()) {
            format!("`with_migrations(\"{name}\", …)` is called twice: call it once")
        } else {
            format!(
                "`with_migrations(\"{name}\", …)` names no strategy of the configuration: add a table `[strategies.{name}]`; \
                there are `{}`",
                strategies.join("`, `")
            )
        };
        check.missing("strategies", problem);
    }
}

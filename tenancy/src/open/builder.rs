//! What is opened, as a builder that is awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use tenancy_core::resolve::Resolver;
use tenancy_sqlx::IsolationStrategy;

#[cfg(feature = "http")]
use super::callers::Callers;
use super::data::Data;
use super::database::{OpenDatabase, Opens};
use super::description::Describe;
use super::directory::OpenDirectory;
use super::error::OpenError;
#[cfg(feature = "http")]
use super::lookups::With;
use super::migrations::OpenMigrations;
use super::places::OpenPlaces;
use super::prepare::{Parts, Source};
#[cfg(feature = "http")]
use super::rules::OpenRules;

/// Opens the tenants that a file describes: await it.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let opened = tenancy::open::<sqlx::Postgres>("tenancy.toml")
///     .with_migrations("row", sqlx::migrate!("tests/migrations/shared"))
///     .await?;
/// # Ok(()) }
/// ```
///
/// See [`Open`] for what else can be said in code.
pub fn open<DB: OpenDatabase>(file: impl Into<PathBuf>) -> Open<DB> {
    Open::new(Source::File(file.into()))
}

/// As [`open`], of a text that is at `base_dir`: the folder that its paths begin in.
pub fn open_text<DB: OpenDatabase>(text: impl Into<String>, base_dir: impl AsRef<Path>) -> Open<DB> {
    Open::new(Source::Text {
        text: text.into(),
        base_dir: base_dir.as_ref().to_owned(),
    })
}

/// A configuration that is about to be opened: what [`open`] begins, and what awaiting ends.
///
/// 1. It reads the configuration, the variables and the files that it names. If anything is wrong, all of it is the error,
///    and nothing was connected.
/// 2. It opens the directory and every strategy. With the administrator's URL it migrates them, lets the application's role
///    read the directory, and verifies. Without it, it only verifies. The failures of all of them are one error.
#[must_use = "nothing is opened until it is awaited"]
pub struct Open<DB: OpenDatabase> {
    parts: Parts<DB>,
    #[cfg(feature = "http")]
    callers: Callers<DB>,
}

impl<DB: OpenDatabase> Open<DB> {
    fn new(source: Source<<DB as Opens>::Config>) -> Self {
        Self {
            parts: Parts {
                source,
                variables: crate::file::Variables::default(),
                own_tables: Vec::new(),
                migrations: Vec::new(),
                strategies: Vec::new(),
                resolvers: Vec::new(),
                serves_only: false,
                places_alone: None,
                migrates: None,
            },
            #[cfg(feature = "http")]
            callers: Callers::default(),
        }
    }

    pub(super) fn of_config(config: <DB as Opens>::Config, base_dir: &Path) -> Self {
        Self::new(Source::Config {
            config: Box::new(config),
            base_dir: base_dir.to_owned(),
        })
    }

    /// The migrations of a strategy, by its name (`row`, `schema` or `database`), compiled in. Without them those of the
    /// folder run that the file names, if it names one.
    pub fn with_migrations(mut self, strategy: impl Into<String>, migrations: Migrator) -> Self {
        self.parts.migrations.push((strategy.into(), migrations));
        self
    }

    /// A strategy of your own beside those of the file.
    pub fn with_strategy(mut self, strategy: impl IsolationStrategy<DB>) -> Self {
        self.parts.strategies.push(Arc::new(strategy));
        self
    }

    /// A resolver of your own, which `resolution.resolvers` may name.
    pub fn with_resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.parts.resolvers.push(Arc::new(resolver));
        self
    }

    /// The value of a variable that the file names, in place of the environment's: a secret that a vault returned.
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts.variables.set(name.into(), value.into());
        self
    }

    /// A table of the file that is the application's own, and not read here. All others that are not known are refused.
    pub fn with_own_table(mut self, name: impl Into<String>) -> Self {
        self.parts.own_tables.push(name.into());
        self
    }

    /// Verifies callers by an authenticator of your own, in place of the file's table `[jwt]`.
    #[cfg(feature = "http")]
    pub fn with_authenticator(mut self, authenticator: impl tenancy_http::Authenticator + 'static) -> Self {
        self.callers.authenticator = Some(Box::new(With(authenticator)));
        self
    }

    /// Parses the payload of each token of the file's issuers as a `T`, too, for handlers that extract a `Payload<T>`: an
    /// e-mail address, a display name. See [`tenancy_jwt::TokenVerifierBuilder::with_payload`].
    ///
    /// An authenticator of your own supplies payloads by itself.
    #[cfg(all(feature = "http", feature = "jwt"))]
    pub fn with_payload<T>(mut self) -> Self
    where
        T: serde::de::DeserializeOwned + std::any::Any + Send + Sync,
    {
        self.callers.payload = Some(tenancy_jwt::TokenVerifierBuilder::with_payload::<T>);
        self
    }

    /// Lets those in who present a session of impersonation: support, who was given a grant by the directory
    /// ([`impersonate`](tenancy_sqlx::SqlDirectory::impersonate), or `tenancy impersonation grant`) and has redeemed it
    /// ([`redeem_impersonation`](tenancy_sqlx::SqlDirectory::redeem_impersonation)). They read, and nothing else. Default: such a session
    /// is an invalid token. See [`WithImpersonation`](tenancy_http::WithImpersonation).
    #[cfg(feature = "http")]
    pub fn with_impersonation(mut self) -> Self {
        self.callers.impersonation = true;
        self
    }

    /// Counts the requests of each tenant's members by the hundred busiest tenants: see
    /// [`TenancyBuilder::with_tenant_label`](tenancy_http::TenancyBuilder::with_tenant_label).
    #[cfg(all(feature = "http", feature = "metrics"))]
    pub fn with_tenant_label(mut self) -> Self {
        self.callers.labels_tenants = true;
        self
    }

    /// Opens tenants' data and the directory alone, for a process that serves no requests, such as a worker or a command.
    ///
    /// The same file is read, and `[jwt]` need not be in it.
    pub fn without_http(self) -> OpenData<DB> {
        OpenData { parts: self.parts }
    }

    /// Opens the directory alone, for a command that changes tenants and touches none of their data: it works where a
    /// strategy does not open.
    pub fn directory_alone(self) -> OpenDirectory<DB> {
        OpenDirectory {
            parts: self.parts,
            reads: false,
        }
    }

    /// Opens the directory, and of tenants' data the places alone, for a command whose verbs are to bind at once: strategies
    /// that are not fenced are not opened, a fenced one when it is first needed, and no migration runs.
    pub fn places_alone(self) -> OpenPlaces<DB> {
        OpenPlaces {
            parts: self.parts,
            fenced: Vec::new(),
        }
    }

    /// Opens the directory and tenants' data for a [`Fleet`](tenancy_sqlx::fleet::Fleet) that plans and runs migrations: those of
    /// shared tables do not run by themselves. No transaction of `row` begins.
    pub fn for_migrations(self) -> OpenMigrations<DB> {
        OpenMigrations {
            parts: self.parts,
            reads: false,
        }
    }

    /// Reads and checks the configuration, and connects to nothing: for a tool that looks at the databases by itself.
    pub fn describe(self) -> Describe<DB> {
        Describe { parts: self.parts }
    }

    /// Opens what judges requests, and no tenants' data: for a tool that explains decisions.
    #[cfg(feature = "http")]
    pub fn rules_alone(self) -> OpenRules<DB> {
        OpenRules {
            parts: self.parts,
            callers: self.callers,
        }
    }
}

impl<DB: OpenDatabase> fmt::Debug for Open<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("variables", &self.parts.variables)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "http")]
impl<DB: OpenDatabase> IntoFuture for Open<DB> {
    type Output = Result<super::tenancy::Opened<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(super::tenancy::open(self.parts, self.callers))
    }
}

/// What [`Open::without_http`] begins, and awaiting ends.
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenData<DB: OpenDatabase> {
    parts: Parts<DB>,
}

impl<DB: OpenDatabase> OpenData<DB> {
    /// Leaves the administrator's URLs out, as if they were not set: nothing is migrated, granted or provisioned, and all
    /// that is opened is only looked at. On SQLite it leaves out the migrations of the strategies.
    pub fn serving_only(mut self) -> Self {
        self.parts.serves_only = true;
        self
    }
}

impl<DB: OpenDatabase> fmt::Debug for OpenData<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenData")
            .field("variables", &self.parts.variables)
            .finish_non_exhaustive()
    }
}

impl<DB: OpenDatabase> IntoFuture for OpenData<DB> {
    type Output = Result<Data<DB>, OpenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let prepared = self.parts.prepare(false, |_, _, _| Some(())).await?;
            Ok(prepared.connect().await?.0)
        })
    }
}

//! The service that is operated: its file, and what is opened of it.

use std::path::Path;

use sqlx::{Postgres, Sqlite};
use tenancy::directory::TenantEntry as _;
use tenancy::names::TenantId;
use tenancy::{Data, Description, Open, OpenDatabase};
use tenancy_sqlx::{DirectoryEntry, DirectoryError, SqlDirectory};

use crate::args::{Change, Global};
use crate::cli::Cli;
use crate::output::{Failure, Output};
use crate::reach;

/// A service, by its file and by what is compiled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'s> {
    pub(crate) cli: &'s Cli,
    pub(crate) global: &'s Global,
    pub(crate) output: &'s Output,
}

/// What differs between the databases.
pub(crate) trait Operated: OpenDatabase + Sized {
    /// Whether the directory's database is there, found out before a pool waits for it.
    async fn reach(description: &Description<Self>) -> Result<(), Failure>;

    /// Whether tenants' data is there, as far as it would be made by a look.
    fn reach_data(description: &Description<Self>) -> Result<(), Failure>;

    /// Whether the role by which the directory is read sees unfinished jobs.
    fn sees_jobs(description: &Description<Self>) -> bool;

    /// The strategies that are in the same database as this one, and so are fenced with it; it is one of them.
    fn fenced_with(description: &Description<Self>, strategy: &'static str) -> Vec<&'static str>;
}

impl Operated for Sqlite {
    async fn reach(description: &Description<Self>) -> Result<(), Failure> {
        reach::sqlite(description)
    }

    fn reach_data(description: &Description<Self>) -> Result<(), Failure> {
        reach::sqlite_data(description)
    }

    fn sees_jobs(_: &Description<Self>) -> bool {
        true
    }

    fn fenced_with(_: &Description<Self>, strategy: &'static str) -> Vec<&'static str> {
        vec![strategy]
    }
}

impl Operated for Postgres {
    async fn reach(description: &Description<Self>) -> Result<(), Failure> {
        reach::postgres(description).await
    }

    fn reach_data(_: &Description<Self>) -> Result<(), Failure> {
        Ok(())
    }

    fn sees_jobs(description: &Description<Self>) -> bool {
        description.directory().has_administrator()
    }

    fn fenced_with(description: &Description<Self>, strategy: &'static str) -> Vec<&'static str> {
        reach::in_the_same_database(description, strategy)
    }
}

impl Site<'_> {
    pub(crate) fn file(&self) -> &Path {
        &self.global.file
    }

    /// The folder that paths of the file are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.file().parent().unwrap_or(Path::new(""))
    }

    /// A text in the place of the file, about to be opened.
    pub(crate) fn open_text<DB: OpenDatabase>(&self, text: &str) -> Open<DB> {
        self.cli.equip(tenancy::open_text(text, self.folder()))
    }

    /// The file, about to be opened.
    pub(crate) fn open<DB: OpenDatabase>(&self) -> Open<DB> {
        self.cli.equip(tenancy::open(self.file()))
    }

    /// The directory, for a command that changes nothing.
    pub(crate) async fn reader<DB: Operated>(&self) -> Result<SqlDirectory<DB>, Failure> {
        self.reach::<DB>().await?;
        Ok(self.open().directory_alone().read_only().await?)
    }

    /// The directory, for a command that changes it.
    pub(crate) async fn writer<DB: Operated>(&self, change: &Change) -> Result<SqlDirectory<DB>, Failure> {
        self.reach::<DB>().await?;
        let directory = if change.dry_run {
            self.open().directory_alone().read_only().await?
        } else {
            self.open().directory_alone().await?
        };
        if directory.is_read_only() && !change.dry_run {
            directory.close().await;
            return Err(Failure::needs_administrator());
        }
        Ok(directory.by(change.attribution()))
    }

    /// The directory and tenants' places, for a command whose verbs are to bind at the database.
    ///
    /// A database that is fenced counts, also where the file does not say so yet: while the fence is being turned on, both are
    /// there.
    pub(crate) async fn places<DB: Operated>(&self, change: &Change, fenced: &[&str]) -> Result<Data<DB>, Failure> {
        self.reach::<DB>().await?;
        let mut open = self.open().places_alone();
        for strategy in fenced {
            open = open.with_fenced(*strategy);
        }
        let mut data = open.await?;
        if data.directory.is_read_only() {
            data.close().await;
            return Err(Failure::needs_administrator());
        }
        data.directory = data.directory.by(change.attribution());
        Ok(data)
    }

    /// The directory and tenants' data, for a command that makes or removes places.
    pub(crate) async fn data<DB: Operated>(&self, change: &Change) -> Result<Data<DB>, Failure> {
        self.reach::<DB>().await?;
        let mut data = self.open().without_http().await?;
        if data.directory.is_read_only() {
            data.close().await;
            return Err(Failure::needs_administrator());
        }
        data.directory = data.directory.by(change.attribution());
        Ok(data)
    }

    /// The directory and tenants' data, for a command that migrates them, or looks how they stand.
    pub(crate) async fn migrations<DB: Operated>(&self, change: Option<&Change>) -> Result<Data<DB>, Failure> {
        let description: Description<DB> = self.open().describe().await?;
        DB::reach(&description).await?;
        if !DB::sees_jobs(&description) {
            return Err(Failure::needs_administrator());
        }
        DB::reach_data(&description)?;
        let open = self.open().for_migrations();
        let Some(change) = change else {
            return Ok(open.read_only().await?);
        };
        let mut data = open.await?;
        data.directory = data.directory.by(change.attribution());
        Ok(data)
    }

    /// The key of tenants' settings that has their limits, if the file says so.
    pub(crate) async fn limits_key<DB: Operated>(&self) -> Result<Option<String>, Failure> {
        let description: Description<DB> = self.open().describe().await?;
        Ok(description.limits_key().map(str::to_owned))
    }

    pub(crate) async fn reach<DB: Operated>(&self) -> Result<(), Failure> {
        let description = self.open().describe().await?;
        DB::reach(&description).await
    }
}

/// The tenant of that id.
pub(crate) async fn entry<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
    id: &TenantId,
) -> Result<DirectoryEntry, Failure> {
    let found = directory.find_by_id(id).await?;
    Ok(found.ok_or_else(|| DirectoryError::UnknownTenant { id: id.clone() })?)
}

/// A tenant's status, as machines read it.
pub(crate) fn status_of(entry: &DirectoryEntry) -> &'static str {
    entry.record().status.as_str()
}

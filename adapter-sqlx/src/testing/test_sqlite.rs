//! A folder of SQLite files that is thrown away.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::{
    SqliteDatabaseBuilder, SqliteDatabaseStrategy, SqliteDirectory, SqliteRowBuilder, SqliteRowStrategy, StrategyError,
};

/// A folder for the files of one test. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct TestSqlite {
    folder: TempDir,
}

impl TestSqlite {
    /// An empty folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            folder: TempDir::with_prefix("tenancy-test-")?,
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The strategy `row`, on a file in the folder. It needs migrations and tables.
    pub fn row(&self) -> SqliteRowBuilder {
        SqliteRowStrategy::builder(self.folder().join("rows.sqlite"))
    }

    /// The strategy `database`, with tenants' files in the folder. It needs migrations.
    pub fn database(&self) -> SqliteDatabaseBuilder {
        SqliteDatabaseStrategy::builder(self.folder().join("tenants"))
    }

    /// The directory of tenants, on a file in the folder.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub async fn directory(&self) -> Result<SqliteDirectory, StrategyError> {
        SqliteDirectory::open(self.folder().join("directory.sqlite")).await
    }
}

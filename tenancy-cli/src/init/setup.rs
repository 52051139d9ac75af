//! What a file describes, made: folders, the directory, and the strategies as far as they open.

use std::path::Path;

use sqlx::{Postgres, Sqlite};
use tenancy::{OpenDatabase, OpenError};

use crate::output::{Failure, chain};
use crate::site::Site;

/// How far it came.
pub(super) enum Done {
    /// Everything opens.
    All,
    /// The directory is there, and a strategy does not open yet, such as one whose tables a service has still to make.
    Directory { reason: String },
}

pub(super) async fn sqlite(site: &Site<'_>) -> Result<Done, Failure> {
    let description = site.open::<Sqlite>().describe().await?;
    for (key, path) in description.paths() {
        let folder = match key {
            "strategies.database.folder" => Some(path),
            _ => path.parent(),
        };
        private_folder(folder.unwrap_or(Path::new("")))?;
    }
    open::<Sqlite>(site).await
}

pub(super) async fn postgres(site: &Site<'_>) -> Result<Done, Failure> {
    let description = site.open::<Postgres>().describe().await?;
    if !description.directory().has_administrator() {
        return Err(Failure::needs_administrator());
    }
    crate::reach::postgres(&description).await?;
    open::<Postgres>(site).await
}

async fn open<DB: OpenDatabase>(site: &Site<'_>) -> Result<Done, Failure> {
    let directory = site.open::<DB>().directory_alone().await?;
    directory.close().await;
    match site.open::<DB>().without_http().await {
        Ok(data) => {
            data.close().await;
            Ok(Done::All)
        }
        Err(error @ OpenError::Open(_)) => Ok(Done::Directory { reason: chain(&error) }),
        Err(error) => Err(error.into()),
    }
}

/// It holds all tenants' data: nobody else may look.
fn private_folder(folder: &Path) -> Result<(), Failure> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Failure::new(
            "unwritable_file",
            format!("failed to make the folder `{}`: {error}", folder.display()),
        )
    })
}

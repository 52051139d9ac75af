//! The file of one tenant, and the logs that SQLite keeps beside it.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;
use tenancy_core::names::TenantId;

use super::tenant_pools::FileIdentity;
use crate::StrategyError;

/// The file of a tenant in the folder of all files.
pub(in crate::sqlite) fn path_of(directory: &Path, tenant: &TenantId) -> PathBuf {
    directory.join(format!("tenant-{tenant}.sqlite"))
}

/// Removes a database and what SQLite keeps beside it, and looks that it is gone.
///
/// The log goes last: without its database it is refused, and not replayed.
pub(in crate::sqlite) fn remove_files(path: &Path, tenant: &TenantId) -> Result<(), StrategyError> {
    let files = ["", "-shm", "-wal", "-journal"].map(|end| {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        PathBuf::from(file)
    });
    for file in &files {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(file, error)),
            _ => {}
        }
    }
    // Another process that has it open may bring a file back.
    if files.iter().any(|file| file.symlink_metadata().is_ok()) {
        return Err(StrategyError::InUse { tenant: tenant.clone() });
    }
    path.parent().map_or(Ok(()), sync)
}

/// The names in a directory must outlast a power failure as the content of files does. Other systems than Unix
/// cannot be asked.
fn sync(directory: &Path) -> Result<(), StrategyError> {
    if cfg!(unix) {
        std::fs::File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| at(directory, source))?;
    }
    Ok(())
}

/// Refuses a log without its database: SQLite would replay it onto whatever file gets the name, and
/// bring an earlier tenant's rows back.
pub(in crate::sqlite) fn refuse_leftovers(path: &Path) -> Result<(), StrategyError> {
    for log in ["-wal", "-shm", "-journal"] {
        let mut left = path.as_os_str().to_owned();
        left.push(log);
        let left = PathBuf::from(left);
        // Another provisioner may have made the database meanwhile; then the log is its own.
        if left.symlink_metadata().is_ok() && identify(path)?.is_none() {
            let reason = "it is left by an earlier database of this name: remove it first";
            return Err(at(&left, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
        }
    }
    Ok(())
}

/// Gives a file its name, unless another file has it: the first one is the tenant's database.
pub(in crate::sqlite) fn publish(half_made: &Path, path: &Path, directory: &Path) -> Result<(), StrategyError> {
    let whole = TempPath::try_from_path(half_made).map_err(|source| at(half_made, source))?;
    match whole.persist_noclobber(path) {
        Ok(()) => {}
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(refused) => return Err(at(path, refused.error)),
    }
    sync(directory)
}

/// Which file has that name, if one has.
pub(in crate::sqlite) fn identify(path: &Path) -> Result<Option<FileIdentity>, StrategyError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(identity(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(at(path, source)),
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> FileIdentity {
    use std::os::unix::fs::MetadataExt;
    FileIdentity(metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> FileIdentity {
    FileIdentity(0, 0)
}

pub(in crate::sqlite) fn at(path: &Path, source: io::Error) -> StrategyError {
    StrategyError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_publishes_second_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tenant-a.sqlite");
        for content in ["first", "second"] {
            let half_made = directory.path().join("half-made");
            std::fs::write(&half_made, content).unwrap();
            publish(&half_made, &path, directory.path()).unwrap();
            assert!(!half_made.exists());
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "first");
    }
}

//! A command that changes something of a tenant, or says what it would change.

use tenancy::names::TenantId;
use tenancy_sqlx::SqlDirectory;

use crate::args::Change;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site, entry};

/// Whether the directory has changed what belongs to a tenant that it knows; `None` where it was not to.
pub(crate) async fn change_of<DB: Operated, E>(
    site: &Site<'_>,
    id: &TenantId,
    change: &Change,
    act: impl AsyncFnOnce(&SqlDirectory<DB>) -> Result<bool, E>,
) -> Result<Option<bool>, Failure>
where
    Failure: From<E>,
{
    let directory = site.writer::<DB>(change).await?;
    entry(&directory, id).await?;
    let changed = if change.dry_run {
        None
    } else {
        Some(act(&directory).await?)
    };
    directory.close().await;
    Ok(changed)
}

/// An answer that says whether something was changed; `None` where nothing was to be.
pub(crate) fn changes(text: String, changed: Option<bool>) -> Answer {
    match changed {
        Some(changed) => Answer::new(text).with("changed", changed),
        None => Answer::new(text).with("dry_run", true),
    }
}

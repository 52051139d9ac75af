//! Other names of a tenant.

use tenancy_sqlx::Renaming;

use super::show::record;
use crate::args::RenameTenant;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site, entry};

pub(crate) async fn rename<DB: Operated>(site: &Site<'_>, rename: RenameTenant) -> Result<Answer, Failure> {
    let RenameTenant {
        id,
        slug,
        name,
        external_id,
        no_external_id,
        change,
    } = rename;
    let mut renaming = Renaming::new();
    if let Some(slug) = slug {
        renaming = renaming.with_slug(slug);
    }
    if let Some(name) = name {
        renaming = renaming.with_name(name);
    }
    if external_id.is_some() || no_external_id {
        renaming = renaming.with_external_id(external_id);
    }
    let directory = site.writer::<DB>(&change).await?;
    let before = entry(&directory, &id).await?;
    if change.dry_run {
        directory.close().await;
        return Ok(Answer::new(format!("the tenant `{id}` would be renamed"))
            .with("dry_run", true)
            .with("tenant", record(&before)));
    }
    let after = directory.rename(&id, renaming).await?;
    directory.close().await;
    let changed = before != after;
    let text = if changed {
        format!("the tenant `{id}` is renamed")
    } else {
        format!("the tenant `{id}` has these names already")
    };
    Ok(Answer::new(text)
        .with("changed", changed)
        .with("tenant", record(&after)))
}

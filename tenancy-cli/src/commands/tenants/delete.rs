//! A tenant deleted for good.

use tenancy::OpenDatabase;
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy_sqlx::{LifecycleError, SqlDirectory, TenantDb};

use crate::args::DeleteTenant;
use crate::output::{Answer, Failure, confirm_id, time};
use crate::site::{Operated, Site};

pub(crate) async fn delete<DB: Operated>(site: &Site<'_>, delete: &DeleteTenant) -> Result<Answer, Failure> {
    if delete.change.dry_run {
        return look::<DB>(site, delete).await;
    }
    let id = &delete.id;
    let directory = site.writer::<DB>(&delete.change).await?;
    let known = directory.find_by_id(id).await?;
    directory.close().await;
    if let Some(known) = known {
        require_archived(delete, known.record().status)?;
        let warning = format!(
            "the tenant `{id}` (`{}`) will be deleted for good, with its data",
            known.name()
        );
        confirm_id(id, delete.confirm.as_deref(), &warning)?;
    }
    let data = site.data::<DB>(&delete.change).await?;
    let deleted = finish(&data.directory, &data.db, delete).await;
    data.close().await;
    let changed = deleted?;
    let text = if changed {
        format!("the tenant `{id}` is deleted")
    } else {
        format!("the tenant `{id}` is deleted already")
    };
    Ok(Answer::new(text).with("changed", changed).with("id", id.as_str()))
}

/// A process that ends at any point leaves what the next call of this finishes.
async fn finish<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
    db: &TenantDb<DB>,
    delete: &DeleteTenant,
) -> Result<bool, Failure> {
    Ok(directory.delete(db, &delete.id, delete.grace).await?)
}

/// Before anybody is asked.
fn require_archived(delete: &DeleteTenant, status: TenantStatus) -> Result<(), Failure> {
    let id = &delete.id;
    if status == TenantStatus::Archived {
        return Ok(());
    }
    let refused = tenancy::lifecycle::Verb::Delete.apply(status.into());
    match refused {
        Ok(_) => Ok(()),
        Err(source) => {
            let failure = Failure::from(LifecycleError::Illegal { id: id.clone(), source });
            Err(failure.run(format!("tenant archive {id}")))
        }
    }
}

async fn look<DB: Operated>(site: &Site<'_>, delete: &DeleteTenant) -> Result<Answer, Failure> {
    let id = &delete.id;
    let directory = site.writer::<DB>(&delete.change).await?;
    let known = crate::site::entry(&directory, id).await?;
    require_archived(delete, known.record().status)?;
    let jobs = directory.jobs_of(id).await?;
    directory.close().await;
    let until = jobs
        .filter(|jobs| jobs.deletion_began_at.is_none())
        .and_then(|jobs| jobs.archived_at)
        .and_then(|at| at.checked_add(delete.grace))
        .filter(|until| *until > std::time::SystemTime::now());
    let text = match until {
        Some(until) => format!("the tenant `{id}` could be deleted after {}", time(until)),
        None => format!("the tenant `{id}` would be deleted"),
    };
    Ok(Answer::new(text)
        .with("dry_run", true)
        .with("id", id.as_str())
        .with("in_grace_until", until.map(time)))
}

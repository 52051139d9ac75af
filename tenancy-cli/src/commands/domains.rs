//! The commands about domains.

use serde_json::Value;
use tenancy::names::{Domain, TenantId};
use tenancy_sqlx::SqlDirectory;

use super::changing::{change_of, changes};
use crate::args::Change;
use crate::output::{Answer, Failure};
use crate::site::{Operated, Site, entry};

pub(crate) async fn list<DB: Operated>(site: &Site<'_>, id: &TenantId) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let entry = entry(&directory, id).await?;
    directory.close().await;
    let domains: Vec<&str> = entry.domains().iter().map(Domain::as_str).collect();
    let machine: Vec<Value> = domains.iter().map(|domain| Value::from(*domain)).collect();
    Ok(Answer::new(domains.join("\n")).with("domains", machine))
}

pub(crate) async fn add<DB: Operated>(
    site: &Site<'_>,
    id: &TenantId,
    domain: &Domain,
    change: &Change,
) -> Result<Answer, Failure> {
    let add = async |directory: &SqlDirectory<DB>| directory.add_domain(id, domain).await;
    let changed = change_of(site, id, change, add).await?;
    let text = match changed {
        None => format!("the domain `{domain}` would be the tenant `{id}`'s"),
        Some(true) => format!("the domain `{domain}` is the tenant `{id}`'s"),
        Some(false) => format!("the domain `{domain}` is the tenant `{id}`'s already"),
    };
    Ok(changes(text, changed).with("domain", domain.as_str()))
}

pub(crate) async fn remove<DB: Operated>(
    site: &Site<'_>,
    id: &TenantId,
    domain: &Domain,
    change: &Change,
) -> Result<Answer, Failure> {
    let remove = async |directory: &SqlDirectory<DB>| directory.remove_domain(id, domain).await;
    let changed = change_of(site, id, change, remove).await?;
    let text = match changed {
        None => format!("the domain `{domain}` would be taken from the tenant `{id}`"),
        Some(true) => format!("the domain `{domain}` is taken from the tenant `{id}`"),
        Some(false) => format!("the tenant `{id}` has no domain `{domain}`"),
    };
    let answer = changes(text, changed).with("domain", domain.as_str());
    Ok(match changed {
        Some(false) => answer.run(format!("domain list {id}")),
        _ => answer,
    })
}

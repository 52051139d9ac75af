//! The commands about members.

use serde_json::{Value, json};
use tenancy::directory::{Member, Roles};
use tenancy::names::{Role, Subject, TenantId};
use tenancy_sqlx::{PageRequest, SqlDirectory};

use super::changing::{change_of, changes};
use crate::args::Change;
use crate::output::{Answer, Failure, Table};
use crate::site::{Operated, Site, entry};

/// Which memberships of a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'i> {
    /// That of one issuer, or the one that names none.
    Of(Option<&'i str>),
    /// All of them.
    OfEveryIssuer,
}

pub(crate) fn member(subject: Subject, roles: Vec<Role>, issuer: Option<&str>) -> Member {
    let roles: Roles = roles.into_iter().collect();
    let member = Member::new(subject).with_roles(roles);
    match issuer {
        Some(issuer) => member.with_issuer(issuer),
        None => member,
    }
}

fn machine(member: &Member) -> Value {
    json!({
        "subject": member.subject().as_str(),
        "issuer": member.issuer(),
        "roles": member.roles().iter().map(Role::as_str).collect::<Vec<_>>(),
    })
}

pub(crate) async fn list<DB: Operated>(site: &Site<'_>, id: &TenantId) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    entry(&directory, id).await?;
    let mut table = Table::new(["subject", "issuer", "roles"]);
    let mut members = Vec::new();
    let mut request = Some(PageRequest::first());
    while let Some(page) = request {
        let page = directory.members(id, &page).await?;
        for member in &page.items {
            let roles: Vec<&str> = member.roles().iter().map(Role::as_str).collect();
            let row = [
                member.subject().as_str(),
                member.issuer().unwrap_or("any"),
                &roles.join(","),
            ];
            table.row(row);
            members.push(machine(member));
        }
        request = page.next;
    }
    directory.close().await;
    Ok(Answer::new(table.to_string()).with("members", members))
}

pub(crate) async fn add<DB: Operated>(
    site: &Site<'_>,
    id: &TenantId,
    member: &Member,
    change: &Change,
) -> Result<Answer, Failure> {
    let add = async |directory: &SqlDirectory<DB>| directory.add_member(id, member).await;
    let changed = change_of(site, id, change, add).await?;
    let subject = member.subject();
    let text = match changed {
        None => format!("`{subject}` would be a member of the tenant `{id}`"),
        Some(true) => format!("`{subject}` is a member of the tenant `{id}`"),
        Some(false) => format!("`{subject}` is such a member of the tenant `{id}` already"),
    };
    Ok(changes(text, changed).with("member", machine(member)))
}

pub(crate) async fn remove<DB: Operated>(
    site: &Site<'_>,
    id: &TenantId,
    subject: &Subject,
    which: Which<'_>,
    change: &Change,
) -> Result<Answer, Failure> {
    let remove = async |directory: &SqlDirectory<DB>| match which {
        Which::Of(issuer) => directory.remove_member(id, subject, issuer).await,
        Which::OfEveryIssuer => directory.remove_member_of_every_issuer(id, subject).await,
    };
    let changed = change_of(site, id, change, remove).await?;
    let text = match changed {
        None => format!("`{subject}` would be no member of the tenant `{id}` any more"),
        Some(true) => format!("`{subject}` is no member of the tenant `{id}` any more"),
        Some(false) => format!("`{subject}` has no such membership in the tenant `{id}`"),
    };
    let answer = changes(text, changed).with("subject", subject.as_str());
    Ok(match (changed, which) {
        (Some(false), Which::Of(_)) => answer.run(format!("member list {id}")),
        _ => answer,
    })
}

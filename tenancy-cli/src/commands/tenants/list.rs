//! The list of tenants.

use serde_json::Value;
use tenancy::directory::TenantEntry as _;
use tenancy_sqlx::PageRequest;

use super::select::next_page;
use super::show::record;
use crate::args::ListTenants;
use crate::output::{Answer, Failure, Table};
use crate::site::{Operated, Site, status_of};

pub(crate) async fn list<DB: Operated>(site: &Site<'_>, list: &ListTenants) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let mut table = Table::new(["id", "status", "strategy", "placement", "slug", "name"]);
    let mut tenants: Vec<Value> = Vec::new();
    let limit = list
        .limit
        .map_or(usize::MAX, |limit| usize::try_from(limit.get()).unwrap_or(usize::MAX));
    let first = list.after.clone().map_or_else(PageRequest::first, PageRequest::after);
    let mut request = Some(first);
    let mut has_more = false;
    'pages: while let Some(page) = request {
        let page = next_page(&directory, &list.filter, &page).await?;
        for entry in page.items.iter().filter(|entry| list.filter.matches(entry)) {
            if tenants.len() == limit {
                has_more = true;
                break 'pages;
            }
            let tenant = entry.record();
            table.row([
                tenant.id.as_str(),
                status_of(entry),
                tenant.strategy.as_str(),
                tenant.placement.as_ref().map_or("-", |placement| placement.as_str()),
                tenant.slug.as_str(),
                entry.name(),
            ]);
            tenants.push(record(entry));
        }
        request = page.next;
    }
    directory.close().await;
    let last = tenants
        .last()
        .and_then(|tenant| tenant.get("id"))
        .and_then(Value::as_str);
    let next = last
        .filter(|_| has_more)
        .map(|last| format!("tenant list --after {last}"));
    let answer = Answer::new(table.to_string()).with("tenants", tenants);
    Ok(match next {
        Some(next) => answer.run(next),
        None => answer,
    })
}

//! Tenants that are selected, page by page.

use tenancy::OpenDatabase;
use tenancy::names::TenantId;
use tenancy_sqlx::{DirectoryEntry, DirectoryError, Page, PageRequest, SqlDirectory};

use crate::args::{Filter, Selection};
use crate::output::Failure;
use crate::site::entry;

/// A page of the tenants that may match: the directory selects by the status, and the rest is left to the filter.
pub(crate) async fn next_page<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
    filter: &Filter,
    request: &PageRequest<TenantId>,
) -> Result<Page<DirectoryEntry, TenantId>, DirectoryError> {
    match filter.status {
        Some(status) => directory.page_with_status(status, request).await,
        None => directory.page(request).await,
    }
}

/// What a selection comes to.
pub(super) enum Selected {
    /// Tenants that are named. They may be unknown.
    Named(Vec<TenantId>),
    /// Tenants that have something in common.
    Matching(Vec<TenantId>),
}

impl Selected {
    pub(super) fn ids(&self) -> &[TenantId] {
        match self {
            Self::Named(ids) | Self::Matching(ids) => ids,
        }
    }
}

/// The tenants of a selection. Those that are named must match the rest of it.
pub(super) async fn select<DB: OpenDatabase>(
    directory: &SqlDirectory<DB>,
    selection: &Selection,
) -> Result<Selected, Failure> {
    let named = selection.named();
    let filter = &selection.filter;
    match (named.is_empty(), filter.is_empty(), selection.all) {
        (true, true, false) => Err(Failure::usage("no tenant is selected").advise(
            "name tenants by their ids, or select by `--status`, `--strategy` or `--placement`, or all by `--all`",
        )),
        (false, true, _) => Ok(Selected::Named(named)),
        (false, false, _) => {
            let mut matching = Vec::new();
            for id in named {
                if filter.matches(&entry(directory, &id).await?) {
                    matching.push(id);
                }
            }
            Ok(Selected::Matching(matching))
        }
        (true, ..) => {
            let mut matching = Vec::new();
            let mut request = Some(PageRequest::first());
            while let Some(page) = request {
                let page = next_page(directory, filter, &page).await?;
                let found = page.items.iter().filter(|entry| filter.matches(entry));
                matching.extend(found.map(|entry| tenancy::directory::TenantEntry::record(entry).id.clone()));
                request = page.next;
            }
            Ok(Selected::Matching(matching))
        }
    }
}

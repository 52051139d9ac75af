//! The tenant of the running task.

use std::future::ready;

use tenancy_core::context::{self, TenantScope};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::{Admitted, Outcome};
use tenancy_core::names::ResolverName;

use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let inside = bound();
    let [entered, awaited, outer, inner] = [(); 4].map(|()| bound());
    Group::default()
        .row(Row::new("enter and leave", move || {
            context::sync_scope(entered.clone(), || ())
        }))
        .row(Row::timed("read", move |times| {
            context::sync_scope(inside.clone(), || {
                let mut row = Row::new("", context::current);
                row.run(times)
            })
        }))
        .row(Row::awaited("enter for one poll", async move || {
            context::scope(awaited.clone(), ready(())).await;
        }))
        .row(Row::new("enter twice, nested", move || {
            context::sync_scope(outer.clone(), || context::sync_scope(inner.clone(), || ()));
        }))
}

fn bound() -> TenantScope {
    let record = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let admitted = Admitted::dangerously_assume(record, ResolverName::from_static("bench"), "alice".parse().unwrap());
    Outcome::Admitted(admitted).into()
}

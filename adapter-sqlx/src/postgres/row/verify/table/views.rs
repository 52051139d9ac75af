//! The declared views.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[Check {
    fault: PgFault::ViewDiffers,
    sql: "
select distinct v.tab, '' from declared_views v
where v.relid is null or v.relkind <> 'v' or v.relid not in (select ev_class from readers) order by 1",
}];

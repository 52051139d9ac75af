//! Indexes that row-level security makes useless.

use super::PgNote;
use super::check::{Answer, Question};

/// The indexes of guarded tables, each with what keeps it from being used: operators of its columns whose function is not
/// leakproof, and functions in its expressions that are not.
///
/// Before the policy has been applied, a condition may only be looked up in an index if its functions tell nothing of what
/// they see. The policy's own condition on the tenant's column may always be.
///
/// The orders of `btree` and the like have operators across types (`date` and `timestamptz`), which are not why an index
/// was made. A pattern class is made for `LIKE`, which is not among its operators. Built-in functions are not in
/// `pg_depend`, so those of an expression are read from its tree.
pub(super) const UNUSABLE: Question = Question {
    sql: r"
, columns as (
    select i.indexrelid, g.tab, s.opcfamily, s.opcintype, s.opcname, am.amname
    from guarded g join pg_index i on i.indrelid = g.relid
    cross join lateral generate_series(0, i.indnkeyatts - 1) as k(place)
    join pg_opclass s on s.oid = i.indclass[k.place] join pg_am am on am.oid = s.opcmethod
    where i.indkey[k.place] is distinct from g.attnum
), hindrances as (
    select c.indexrelid, c.tab, f.oid as function,
        format('%s (%s)', p.oprname, concat_ws(', ', format_type(p.oprleft, null), format_type(p.oprright, null))) as spelled
    from columns c join pg_amop o on o.amopfamily = c.opcfamily and o.amoplefttype = c.opcintype and o.amoppurpose = 's'
        and (o.amoprighttype = o.amoplefttype or c.amname not in ('btree', 'hash', 'brin'))
    join pg_operator p on p.oid = o.amopopr join pg_proc f on f.oid = p.oprcode
    union all select c.indexrelid, c.tab, f.oid, 'LIKE' from columns c
    join pg_proc f on f.oid = 'pg_catalog.textlike'::regproc where c.opcname ~ '_pattern_ops$'
    union all select i.indexrelid, g.tab, f.oid, format('the function %s', f.oid::regprocedure)
    from guarded g join pg_index i on i.indrelid = g.relid
    cross join lateral regexp_matches(i.indexprs::text, ':(?:op)?funcid (\d+)', 'g') as m(found)
    join pg_proc f on f.oid = m.found[1]::oid
)
select format('%I.%I', n.nspname, x.relname), h.tab, string_agg(distinct h.spelled, ', ')
from hindrances h join pg_proc f on f.oid = h.function
join pg_class x on x.oid = h.indexrelid join pg_namespace n on n.oid = x.relnamespace
where not f.proleakproof and not x.relispartition
group by 1, 2 order by 1, 2",
    columns: 3,
};

/// A note for each index that the application's queries cannot use by some operator.
pub(super) fn unusable(answers: &[Answer]) -> Vec<PgNote> {
    let note = |answer: &Answer| PgNote::IndexUnusable {
        index: answer.text(0),
        table: answer.text(1),
        operators: answer.text(2),
    };
    answers.iter().map(note).collect()
}

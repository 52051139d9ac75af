//! What belongs to tables: constraints, indexes, triggers, policies, rules, statistics.

use super::question::{Question, role, sorted};

pub(super) fn questions() -> Vec<Question> {
    vec![constraints(), indexes(), triggers(), policies(), rules(), statistics()]
}

/// Whether a foreign key is enforced is in the state of its triggers. A key that refers to a partitioned table has further rows, of
/// which it is the parent. What is not null is the column's.
fn constraints() -> Question {
    let aspects = &["definition", "state", "index"];
    let options = sorted("x.reloptions");
    let sql = format!(
        "
select r.nspname, 'constraint', concat_ws('.', r.relname, k.conname), r.relname::text, array[
    regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
    coalesce(nullif(concat_ws(' and ', case when not k.convalidated or not i.indisvalid then 'not valid' end,
        (select string_agg(distinct case t.tgenabled when 'D' then 'not enforced' when 'A' then 'enforced always'
                else 'enforced on replicas' end, ' and ')
            from pg_trigger t where t.tgconstraint = k.oid and t.tgisinternal and t.tgenabled <> 'O')), ''), 'valid'),
    (select concat_ws(' ', m.amname, {options}, (select s.spcname from pg_tablespace s where s.oid = x.reltablespace),
            case when i.indisclustered then 'clustered' end)
        from pg_class x join pg_am m on m.oid = x.relam where x.oid = i.indexrelid)
]
from rel r join pg_constraint k on k.conrelid = r.oid
left join pg_index i on k.contype in ('p', 'u', 'x') and i.indexrelid = k.conindid
where k.contype in ('c', 'f', 'p', 'u', 'x')
    and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid = k.conrelid)"
    );
    Question::new(aspects, sql)
}

/// The index of a key is the key's.
fn indexes() -> Question {
    let aspects = &["definition", "state", "role", "tablespace", "parents", "statistics"];
    let sql = "
select r.nspname, 'index', x.relname::text, r.relname::text, array[
    pg_get_indexdef(i.indexrelid),
    case when not i.indisvalid then 'not valid' when not i.indisready or not i.indislive then 'not ready' else 'valid' end,
    concat_ws(' ', case when i.indisclustered then 'clustered' end, case when i.indisreplident then 'replica identity' end),
    (select t.spcname::text from pg_tablespace t where t.oid = x.reltablespace),
    (select string_agg(h.inhparent::regclass::text, ', ' order by h.inhseqno) from pg_inherits h where h.inhrelid = x.oid),
    (select string_agg(concat_ws(' ', a.attnum, a.attstattarget), ', ' order by a.attnum) from pg_attribute a
        where a.attrelid = x.oid and nullif(a.attstattarget::int4, -1) is not null)
]
from rel r join pg_index i on i.indrelid = r.oid join pg_class x on x.oid = i.indexrelid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = r.oid and k.contype in ('p', 'u', 'x'))";
    Question::new(aspects, sql)
}

const STATE: &str = "case {} when 'O' then 'enabled' when 'D' then 'disabled' when 'A' then 'enabled always' \
    else 'enabled on replicas' end";

fn state(column: &str) -> String {
    STATE.replace("{}", column)
}

fn triggers() -> Question {
    let sql = format!(
        "
select r.nspname, 'trigger', concat_ws('.', r.relname, t.tgname), r.relname::text, array[pg_get_triggerdef(t.oid), {}]
from rel r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal",
        state("t.tgenabled")
    );
    Question::new(&["definition", "state"], sql)
}

fn policies() -> Question {
    let aspects = &["command", "roles", "condition", "check"];
    let role = role("p.role");
    let sql = format!(
        "
select r.nspname, 'policy', concat_ws('.', r.relname, y.polname), r.relname::text, array[
    concat_ws(' ', case when y.polpermissive then 'permissive' else 'restrictive' end, y.polcmd::text),
    (select string_agg({role}, ', ' order by {role}) from unnest(y.polroles) as p (role)),
    pg_get_expr(y.polqual, y.polrelid),
    pg_get_expr(y.polwithcheck, y.polrelid)
]
from rel r join pg_policy y on y.polrelid = r.oid"
    );
    Question::new(aspects, sql)
}

/// A view's own is its definition.
fn rules() -> Question {
    let sql = format!(
        "
select r.nspname, 'rule', concat_ws('.', r.relname, w.rulename), r.relname::text, array[pg_get_ruledef(w.oid), {}]
from rel r join pg_rewrite w on w.ev_class = r.oid where w.rulename <> '_RETURN'",
        state("w.ev_enabled")
    );
    Question::new(&["definition", "state"], sql)
}

/// Its columns stand by their order in the table, which is not compared.
fn statistics() -> Question {
    let aspects = &["definition", "target", "owner"];
    let owner = role("x.stxowner");
    let sql = format!(
        "
select s.nspname, 'statistics', x.stxname::text, c.relname::text, array[
    concat_ws(' ', (select string_agg(k::text, ', ' order by k) from unnest(x.stxkind) k), 'on', x.stxrelid::regclass::text,
        (select string_agg(a.attname::text, ', ' order by a.attname) from pg_attribute a
            where a.attrelid = x.stxrelid and a.attnum = any (x.stxkeys)),
        (select string_agg(e, ', ' order by e) from unnest(pg_get_statisticsobjdef_expressions(x.oid)) e)),
    nullif(x.stxstattarget::int4, -1)::text,
    {owner}
]
from s join pg_statistic_ext x on x.stxnamespace = s.oid join pg_class c on c.oid = x.stxrelid"
    );
    Question::new(aspects, sql)
}

//! Tables, views, their columns, and sequences.

use super::question::{Question, grants, rights, role, sorted};

pub(super) fn questions() -> Vec<Question> {
    vec![relations(), columns(), sequences()]
}

fn relations() -> Question {
    let aspects = &[
        "kind",
        "persistence",
        "row security",
        "options",
        "access method",
        "tablespace",
        "replica identity",
        "partition key",
        "partition bound",
        "parents",
        "row type",
        "definition",
        "publications",
        "foreign server",
        "owner",
        "rights",
    ];
    let (owner, rights) = (role("r.relowner"), rights("r.relacl", 'r', "r.relowner"));
    let (options, foreign) = (sorted("r.reloptions"), sorted("f.ftoptions"));
    let sql = format!(
        "
select r.nspname, case when r.relkind in ('v', 'm') then 'view' else 'table' end, r.relname::text, null::text, array[
    case r.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view' when 'm' then 'materialized'
        else 'foreign' end,
    r.relpersistence::text,
    concat_ws(' and ', case when r.relrowsecurity then 'enabled' end, case when r.relforcerowsecurity then 'forced' end),
    {options},
    (select m.amname::text from pg_am m where m.oid = r.relam),
    (select t.spcname::text from pg_tablespace t where t.oid = r.reltablespace),
    concat_ws(' ', r.relreplident::text, case when r.relreplident = 'i' then (select x.relname::text from pg_index i
        join pg_class x on x.oid = i.indexrelid where i.indrelid = r.oid and i.indisreplident) end),
    pg_get_partkeydef(r.oid),
    pg_get_expr(r.relpartbound, r.oid),
    (select string_agg(h.inhparent::regclass::text, ', ' order by h.inhseqno) from pg_inherits h where h.inhrelid = r.oid),
    case when r.reloftype <> 0 then format_type(r.reloftype, null) end,
    case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end,
    (select string_agg(p.pubname::text, ', ' order by p.pubname) from pg_publication p where exists (
        select from pg_publication_rel m where m.prpubid = p.oid and m.prrelid = r.oid)),
    (select w.srvname || ' ' || coalesce({foreign}, '') from pg_foreign_table f join pg_foreign_server w on w.oid = f.ftserver
        where f.ftrelid = r.oid),
    {owner},
    {rights}
]
from rel r where r.relkind in ('r', 'p', 'v', 'm', 'f')"
    );
    Question::new(aspects, sql)
}

fn columns() -> Question {
    let aspects = &[
        "type",
        "default",
        "nullability",
        "identity",
        "generation",
        "collation",
        "storage",
        "options",
        "rights",
    ];
    let rights = grants("a.attacl");
    let options = sorted("coalesce(a.attoptions, '{}') || coalesce(a.attfdwoptions, '{}')");
    let sql = format!(
        "
select r.nspname, 'column', concat_ws('.', r.relname, a.attname), r.relname::text, array[
    format_type(a.atttypid, a.atttypmod),
    case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
    case when a.attnotnull then 'not null' else 'null' end,
    case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
    case when a.attgenerated <> '' then concat_ws(' ', a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)) end,
    (select concat_ws('.', n.nspname, l.collname) from pg_collation l join pg_namespace n on n.oid = l.collnamespace
        where l.oid = a.attcollation and a.attcollation <> t.typcollation),
    concat_ws(' ', a.attstorage::text, nullif(a.attcompression::text, '')),
    concat_ws(', ', 'statistics ' || nullif(a.attstattarget::int4, -1), {options}),
    {rights}
]
from rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where r.relkind in ('r', 'p', 'f')"
    );
    Question::new(aspects, sql)
}

/// Without the values that they have reached.
fn sequences() -> Question {
    let aspects = &["type", "options", "column", "persistence", "owner", "rights"];
    let (owner, rights) = (role("r.relowner"), rights("r.relacl", 's', "r.relowner"));
    let sql = format!(
        "
select r.nspname, 'sequence', r.relname::text, o.table_name, array[
    format_type(q.seqtypid, null),
    concat_ws(' ', 'start', q.seqstart, 'increment', q.seqincrement, 'from', q.seqmin, 'to', q.seqmax, 'cache', q.seqcache,
        case when q.seqcycle then 'cycle' end),
    concat_ws('.', o.table_name, o.column_name),
    r.relpersistence::text,
    {owner},
    {rights}
]
from rel r join pg_sequence q on q.seqrelid = r.oid
left join lateral (
    select c.relname::text as table_name, a.attname::text as column_name
    from pg_depend d join pg_class c on c.oid = d.refobjid join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.objsubid = 0 and d.deptype in ('a', 'i')
        and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
    limit 1
) o on true"
    );
    Question::new(aspects, sql)
}

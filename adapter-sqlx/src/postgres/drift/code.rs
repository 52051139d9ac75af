//! What belongs to schemas beside tables: functions, types, operators and the like, rights, extensions.

use super::question::{Question, grants, is_own, rights, role, sorted};

pub(super) fn questions() -> Vec<Question> {
    vec![functions(), types(), others(), schemas(), default_rights()]
}

/// The extensions of tenants' own schemas. Those of a database are the database's.
pub(super) fn extensions() -> Question {
    let sql = "
select s.nspname, 'extension', x.extname::text, null::text, array[x.extversion]
from s join pg_extension x on x.extnamespace = s.oid";
    Question::new(&["definition"], sql)
}

/// The constructor of a range belongs to the range.
fn functions() -> Question {
    let aspects = &[
        "kind",
        "arguments",
        "result",
        "language",
        "security",
        "properties",
        "settings",
        "body",
        "definition",
        "aggregation",
        "owner",
        "rights",
    ];
    let (owner, rights) = (role("f.proowner"), rights("f.proacl", 'f', "f.proowner"));
    let (is_own, settings) = (is_own("pg_proc", "f.oid"), sorted("f.proconfig"));
    let sql = format!(
        "
select s.nspname, 'function', concat(f.proname, '(', pg_get_function_identity_arguments(f.oid), ')'), null::text, array[
    f.prokind::text,
    pg_get_function_arguments(f.oid),
    pg_get_function_result(f.oid),
    l.lanname::text,
    case when f.prosecdef then 'definer' else 'invoker' end,
    concat_ws(' ', f.provolatile::text, f.proparallel::text, case when f.proisstrict then 'strict' end,
        case when f.proleakproof then 'leakproof' end, f.procost, f.prorows, nullif(f.prosupport::text, '-')),
    {settings},
    case when f.prosqlbody is null then concat_ws(' ', f.prosrc, f.probin) end,
    pg_get_function_sqlbody(f.oid),
    (select concat_ws(' ', g.aggkind::text, g.aggtransfn::regproc, g.aggfinalfn::regproc, g.aggcombinefn::regproc,
            g.aggserialfn::regproc, g.aggdeserialfn::regproc, g.aggmtransfn::regproc, g.aggminvtransfn::regproc,
            g.aggmfinalfn::regproc, g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify::text, g.aggmfinalmodify::text,
            g.aggsortop::regoperator, format_type(g.aggtranstype, null), g.aggtransspace, g.agginitval, g.aggminitval)
        from pg_aggregate g where g.aggfnoid = f.oid),
    {owner},
    {rights}
]
from s join pg_proc f on f.pronamespace = s.oid join pg_language l on l.oid = f.prolang
where {is_own} and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = f.oid
    and d.deptype = 'i' and d.refclassid = 'pg_type'::regclass)"
    );
    Question::new(aspects, sql)
}

/// The row type of a table is the table's, and that of an array its element's.
fn types() -> Question {
    let aspects = &["definition", "default", "constraints", "owner", "rights"];
    let (owner, rights, is_own) = (
        role("t.typowner"),
        rights("t.typacl", 'T', "t.typowner"),
        is_own("pg_type", "t.oid"),
    );
    let sql = format!(
        "
select s.nspname, case t.typtype when 'd' then 'domain' else 'type' end, t.typname::text, null::text, array[
    case t.typtype
        when 'e' then (select 'enum ' || string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
            from pg_enum e where e.enumtypid = t.oid)
        when 'c' then (select 'composite ' || string_agg(concat_ws(' ', quote_ident(a.attname),
                format_type(a.atttypid, a.atttypmod), nullif(a.attcollation, 0)::regcollation), ', ' order by a.attname)
            from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
        when 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), nullif(t.typcollation, 0)::regcollation,
            case when t.typnotnull then 'not null' end)
        when 'r' then (select concat_ws(' ', 'range of', format_type(g.rngsubtype, null), nullif(g.rngcollation, 0)::regcollation,
                (select c.opcname from pg_opclass c where c.oid = g.rngsubopc), g.rngcanonical, g.rngsubdiff)
            from pg_range g where g.rngtypid = t.oid)
        else concat_ws(' ', t.typtype::text, t.typinput, t.typoutput, t.typlen, t.typalign::text, t.typstorage::text)
    end,
    coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
    (select string_agg(concat_ws(' ', quote_ident(k.conname), pg_get_constraintdef(k.oid)), ', ' order by k.conname)
        from pg_constraint k where k.contypid = t.oid and k.contype = 'c'),
    {owner},
    {rights}
]
from s join pg_type t on t.typnamespace = s.oid
where {is_own} and t.typtype <> 'm' and not exists (select from pg_type e where e.typarray = t.oid)
    and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))"
    );
    Question::new(aspects, sql)
}

/// Their identity begins with the schema's name and a point.
fn others() -> Question {
    let own = |class: &str| is_own(class, "o.oid");
    let select = |class: &str, namespace: &str, definition: &str| {
        format!(
            "
select s.nspname, i.type, substr(i.identity, length(quote_ident(s.nspname)) + 2), null::text, array[{definition}]
from s join {class} o on o.{namespace} = s.oid cross join lateral pg_identify_object('{class}'::regclass, o.oid, 0) i
where {}",
            own(class)
        )
    };
    let dictionary =
        "concat_ws(' ', (select m.tmplname from pg_ts_template m where m.oid = o.dicttemplate), o.dictinitoption)";
    let configuration = "(select string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
        order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = o.oid)";
    let collation =
        "concat_ws(' ', o.collprovider::text, o.collisdeterministic, o.collencoding, o.collcollate, o.collctype,
        to_jsonb(o) ->> 'colliculocale', to_jsonb(o) ->> 'colllocale', to_jsonb(o) ->> 'collicurules')";
    let operator = "concat_ws(' ', o.oprcode, format_type(o.oprresult, null), nullif(o.oprcom, 0)::regoperator,
        nullif(o.oprnegate, 0)::regoperator, nullif(o.oprrest, 0)::regproc, nullif(o.oprjoin, 0)::regproc, o.oprcanmerge,
        o.oprcanhash)";
    let class = "concat_ws(' ', format_type(o.opcintype, null), o.opcdefault, nullif(o.opckeytype, 0)::regtype,
        (select string_agg(concat_ws(' ', a.amopstrategy, a.amopopr::regoperator), ', ' order by a.amopstrategy)
            from pg_amop a where a.amopfamily = o.opcfamily and a.amoplefttype = o.opcintype and a.amoprighttype = o.opcintype),
        (select string_agg(concat_ws(' ', a.amprocnum, a.amproc::regprocedure), ', ' order by a.amprocnum)
            from pg_amproc a where a.amprocfamily = o.opcfamily and a.amproclefttype = o.opcintype))";
    let parts = [
        select("pg_collation", "collnamespace", collation),
        select("pg_operator", "oprnamespace", operator),
        select("pg_opclass", "opcnamespace", class),
        select("pg_opfamily", "opfnamespace", "''"),
        select(
            "pg_conversion",
            "connamespace",
            "concat_ws(' ', o.conforencoding, o.contoencoding, o.conproc, o.condefault)",
        ),
        select("pg_ts_config", "cfgnamespace", configuration),
        select("pg_ts_dict", "dictnamespace", dictionary),
        select(
            "pg_ts_parser",
            "prsnamespace",
            "concat_ws(' ', o.prsstart, o.prstoken, o.prsend, o.prslextype)",
        ),
        select(
            "pg_ts_template",
            "tmplnamespace",
            "concat_ws(' ', o.tmplinit, o.tmpllexize)",
        ),
    ];
    Question::new(&["definition"], parts.join("\nunion all"))
}

fn schemas() -> Question {
    let (owner, rights) = (role("s.nspowner"), rights("s.nspacl", 'n', "s.nspowner"));
    let sql = format!("\nselect s.nspname, 'schema', '@', null::text, array[{owner}, {rights}] from s");
    Question::new(&["owner", "rights"], sql)
}

/// What is granted of objects that are made later.
fn default_rights() -> Question {
    let (maker, rights) = (role("d.defaclrole"), grants("d.defaclacl"));
    let sql = format!(
        "
select s.nspname, 'default privileges', concat(case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
    when 'f' then 'functions' when 'T' then 'types' else d.defaclobjtype::text end, ' of ', {maker}), null::text, array[{rights}]
from s join pg_default_acl d on d.defaclnamespace = s.oid"
    );
    Question::new(&["rights"], sql)
}

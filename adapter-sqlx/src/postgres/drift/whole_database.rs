//! What belongs to a database and to no schema of it.

use super::question::{Question, grants, is_own, rights, role, sorted};

/// Each answers as of the schema `public`. What is in the schemas is asked for by the others.
pub(super) fn questions() -> Vec<Question> {
    vec![database(), single_objects()]
}

fn database() -> Question {
    let aspects = &[
        "owner",
        "rights",
        "encoding",
        "locale",
        "connection limit",
        "settings",
        "default privileges",
    ];
    let (owner, rights) = (role("d.datdba"), rights("d.datacl", 'd', "d.datdba"));
    let (of_whom, settings) = (role("v.setrole"), sorted("v.setconfig"));
    let (maker, by_default) = (role("p.defaclrole"), grants("p.defaclacl"));
    let sql = format!(
        "
select 'public', 'database', '@', null::text, array[
    {owner},
    {rights},
    pg_encoding_to_char(d.encoding)::text,
    concat_ws(' ', d.datlocprovider::text, d.datcollate, d.datctype, to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale'),
    nullif(d.datconnlimit, -1)::text,
    (select string_agg(concat_ws(': ', case when v.setrole = 0 then 'all' else {of_whom} end, {settings}), '; ' order by v.setrole)
        from pg_db_role_setting v where v.setdatabase = d.oid),
    (select string_agg(concat_ws(' ', p.defaclobjtype::text, {maker}, {by_default}), '; ' order by p.defaclobjtype, {maker})
        from pg_default_acl p where p.defaclnamespace = 0)
]
from pg_database d where d.datname = current_database()"
    );
    Question::new(aspects, sql)
}

fn single_objects() -> Question {
    let aspects = &["definition", "state", "owner", "rights"];
    let (of_trigger, of_publication, of_server) = (role("t.evtowner"), role("p.pubowner"), role("w.srvowner"));
    let (of_wrapper, of_extension) = (role("f.fdwowner"), role("x.extowner"));
    let (server_rights, wrapper_rights) = (
        rights("w.srvacl", 'S', "w.srvowner"),
        rights("f.fdwacl", 'F', "f.fdwowner"),
    );
    let language_rights = rights("l.lanacl", 'l', "l.lanowner");
    let (tags, options) = (sorted("t.evttags"), sorted("w.srvoptions"));
    let own = |class: &str, oid: &str| is_own(class, oid);
    let parts = [
        format!(
            "
select 'public', 'extension', x.extname::text, null::text, array[
    concat_ws(' ', x.extversion, 'in', (select n.nspname from pg_namespace n where n.oid = x.extnamespace)), null, {of_extension}, null]
from pg_extension x"
        ),
        format!(
            "
select 'public', 'event trigger', t.evtname::text, null::text, array[
    concat_ws(' ', t.evtevent, {tags}, t.evtfoid::regproc), case t.evtenabled when 'O' then 'enabled' when 'D' then 'disabled'
        when 'A' then 'enabled always' else 'enabled on replicas' end, {of_trigger}, null]
from pg_event_trigger t where {}",
            own("pg_event_trigger", "t.oid")
        ),
        format!(
            "
select 'public', 'publication', p.pubname::text, null::text, array[
    concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
        (select string_agg(n.nspname::text, ', ' order by n.nspname) from pg_publication_namespace m
            join pg_namespace n on n.oid = m.pnnspid where m.pnpubid = p.oid)), null, {of_publication}, null]
from pg_publication p"
        ),
        format!(
            "
select 'public', 'foreign server', w.srvname::text, null::text, array[
    concat_ws(' ', w.srvtype, w.srvversion, {options}), null, {of_server}, {server_rights}]
from pg_foreign_server w where {}",
            own("pg_foreign_server", "w.oid")
        ),
        format!(
            "
select 'public', 'foreign-data wrapper', f.fdwname::text, null::text, array[
    concat_ws(' ', f.fdwhandler::regproc, f.fdwvalidator::regproc), null, {of_wrapper}, {wrapper_rights}]
from pg_foreign_data_wrapper f where {}",
            own("pg_foreign_data_wrapper", "f.oid")
        ),
        format!(
            "
select 'public', 'language', l.lanname::text, null::text, array[null::text, null, null, {language_rights}]
from pg_language l"
        ),
        format!(
            "
select 'public', 'cast', concat_ws(' to ', format_type(c.castsource, null), format_type(c.casttarget, null)), null::text, array[
    concat_ws(' ', c.castcontext::text, c.castmethod::text, nullif(c.castfunc, 0)::regprocedure), null, null, null]
from pg_cast c where c.oid >= 16384 and {}",
            own("pg_cast", "c.oid")
        ),
    ];
    Question::new(aspects, parts.join("\nunion all"))
}

//! What roles and the database preset for each session.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    // A known parameter's name is stored as the server spells it. `true` and `on` have short forms, which the cast reads
    // as the server does.
    Check {
        fault: PgFault::ParameterPreset,
        sql: "
select concat_ws(' of ', p.name, concat_ws(' in ', coalesce('role ' || quote_ident(r.rolname), 'role all'),
        'database ' || quote_ident(d.datname))),
    concat_ws(' ', 'alter role', coalesce(quote_ident(r.rolname), 'all'), 'in database ' || quote_ident(d.datname),
        'reset ' || p.name)
from pg_db_role_setting s
cross join lateral (select lower(split_part(entry, '=', 1)), substr(entry, position('=' in entry) + 1)
    from unnest(s.setconfig) as c(entry)) as p(name, value)
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
where (d.oid is null or d.datname = current_database()) and (r.oid is null or r.rolname in ($4, $5))
    and case p.name when 'role' then p.value not in ('none', coalesce(r.rolname, 'none'))
        when 'session_authorization' then p.value is distinct from r.rolname
        when 'session_replication_role' then lower(p.value) = 'replica'
        when 'row_security' then not p.value::boolean
        when 'lo_compat_privileges' then p.value::boolean
        else false end
order by 1",
    },
];

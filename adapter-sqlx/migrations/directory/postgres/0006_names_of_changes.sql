-- What is notified of a tenant names it by all its names, on a line each: those that it had before the row changed, and
-- those that it has now. Listeners that know only the text without names treat it as one that they do not know: anything
-- may have changed.

-- Notifies of a tenant. `names` are lines such as `slug rocket`; the names that the tenant has now are added to them. A name
-- that is not one printable word could be read as another event, and too long a text cannot be sent: both are notified as
-- everything. A role that may change a row here without reading the others does not see all names, and so sends none.
create function tenancy_notify_names(tables_schema name, tenant text, names text[]) returns void
language plpgsql set search_path = pg_catalog as $$
declare
    lines text[];
    is_plain boolean := tenant ~ '^[!-~]+$' collate "C";
    payload text := 'tenant ' || tenant;
begin
    if has_table_privilege(format('%I.tenancy_tenants', tables_schema), 'select')
        and has_table_privilege(format('%I.tenancy_domains', tables_schema), 'select')
    then
        execute format(
            'select array_agg(line order by line), bool_and(line ~ ''^[a-z]+ [!-~]+$'') from (
                 select unnest($2) collate "C"
                 union select (''slug '' || slug) collate "C" from %1$I.tenancy_tenants where id = $1
                 union select (''external '' || external_id) collate "C" from %1$I.tenancy_tenants where id = $1
                 union select (''domain '' || domain) collate "C" from %1$I.tenancy_domains where tenant = $1
             ) names (line) where line is not null and line <> ''id '' || $1',
            tables_schema
        ) into lines, is_plain using tenant, names;
        is_plain := coalesce(is_plain, true) and tenant ~ '^[!-~]+$' collate "C";
        payload := array_to_string(payload || lines, E'\n');
    end if;
    if is_plain and octet_length(payload) < 8000 then
        perform pg_notify('tenancy_changes', payload);
    else
        perform pg_notify('tenancy_changes', 'everything');
    end if;
end $$;

create or replace function tenancy_tell_of_tenant() returns trigger language plpgsql set search_path = pg_catalog as $$
declare
    names text[];
    statement text := format('select %I.tenancy_notify_names($1, $2, $3)', tg_table_schema);
begin
    if tg_op <> 'INSERT' then
        names := names || array['id ' || old.id, 'slug ' || old.slug, 'external ' || old.external_id];
    end if;
    if tg_op <> 'DELETE' then
        names := names || array['id ' || new.id, 'slug ' || new.slug, 'external ' || new.external_id];
    end if;
    if tg_op <> 'INSERT' then
        execute statement using tg_table_schema, old.id, names;
    end if;
    if tg_op = 'INSERT' or tg_op = 'UPDATE' and new.id <> old.id then
        execute statement using tg_table_schema, new.id, names;
    end if;
    return null;
end $$;

create or replace function tenancy_tell_of_domain() returns trigger language plpgsql set search_path = pg_catalog as $$
declare
    names text[];
    statement text := format('select %I.tenancy_notify_names($1, $2, $3)', tg_table_schema);
begin
    if tg_op <> 'INSERT' then
        names := names || ('domain ' || old.domain);
    end if;
    if tg_op <> 'DELETE' then
        names := names || ('domain ' || new.domain);
    end if;
    if tg_op <> 'INSERT' then
        execute statement using tg_table_schema, old.tenant, names;
    end if;
    if tg_op = 'INSERT' or tg_op = 'UPDATE' and new.tenant <> old.tenant then
        execute statement using tg_table_schema, new.tenant, names;
    end if;
    return null;
end $$;

-- A subject may have spaces, and ends the text; a tenant has none.
create or replace function tenancy_tell_of_member() returns trigger language plpgsql set search_path = pg_catalog as $$
declare
    member record;
    payload text;
begin
    for member in
        select old.tenant, old.subject where tg_op <> 'INSERT'
        union all select new.tenant, new.subject where tg_op <> 'DELETE'
    loop
        payload := 'member ' || member.tenant || ' ' || member.subject;
        if member.tenant ~ '^[!-~]+$' collate "C" and octet_length(payload) < 8000 then
            perform pg_notify('tenancy_changes', payload);
        else
            perform pg_notify('tenancy_changes', 'everything');
        end if;
    end loop;
    return null;
end $$;

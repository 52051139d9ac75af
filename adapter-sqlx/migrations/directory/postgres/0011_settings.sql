-- The settings that a tenant has of its own: a JSON object that a type of the application reads. A tenant without a row has none,
-- of revision 0.
create table if not exists tenancy_settings (
    tenant text collate "C" not null primary key references tenancy_tenants (id) on delete cascade,
    revision bigint not null,
    document text not null
);

revoke all on tenancy_settings from public;

-- Notifies of a tenant whose settings have changed. Listeners that do not know the text treat it as one about anything.
create or replace function tenancy_tell_of_settings() returns trigger language plpgsql set search_path = pg_catalog as $$
declare
    changed record;
begin
    for changed in
        select old.tenant where tg_op <> 'INSERT'
        union select new.tenant where tg_op <> 'DELETE'
    loop
        if changed.tenant ~ '^[!-~]+$' collate "C" and octet_length(changed.tenant) < 7000 then
            perform pg_notify('tenancy_changes', 'settings ' || changed.tenant);
        else
            perform pg_notify('tenancy_changes', 'everything');
        end if;
    end loop;
    return null;
end $$;

create or replace trigger tenancy_tell after insert or update or delete on tenancy_settings
    for each row execute function tenancy_tell_of_settings();
create or replace trigger tenancy_tell_of_truncate after truncate on tenancy_settings
    for each statement execute function tenancy_tell_of_everything();

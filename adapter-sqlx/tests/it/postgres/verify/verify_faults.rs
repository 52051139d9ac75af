//! Ways around the isolation of rows, each with what must be found of it.

use tenancy_sqlx::PgFault;

/// A way around the isolation.
pub(crate) struct Planted {
    /// `APP` stands for the application's role, `ADMIN` for the administrator's, `DATABASE` for the database.
    pub(crate) fault: &'static str,
    pub(crate) found: &'static [(PgFault, &'static str)],
    /// A query by which `acme` sees the row of `globex`, where one is as short as that.
    pub(crate) leak: Option<&'static str>,
}

const ALL: &str = "select body from notes order by body";

/// The same in no transaction of any tenant.
const UNBOUND: &str = "commit; select body from notes order by body";

pub(crate) const PLANTED: &[Planted] = &[
    Planted {
        fault: "alter role APP superuser",
        found: &[(PgFault::RoleBypasses, "APP")],
        leak: Some(ALL),
    },
    Planted {
        fault: "alter role APP bypassrls",
        found: &[(PgFault::RoleBypasses, "APP")],
        leak: Some(ALL),
    },
    Planted {
        fault: "alter role APP createrole",
        found: &[(PgFault::RoleManages, "APP")],
        leak: None,
    },
    Planted {
        fault: "grant ADMIN to APP",
        found: &[(PgFault::RoleMember, "ADMIN")],
        leak: Some("set local role ADMIN; select body from notes order by body"),
    },
    Planted {
        fault: "create role APP_between; grant pg_read_all_data to APP_between; grant APP_between to APP;
            grant pg_write_server_files to APP",
        found: &[
            (PgFault::RoleMember, "pg_read_all_data"),
            (PgFault::RoleMember, "pg_write_server_files"),
        ],
        leak: None,
    },
    Planted {
        fault: "grant create on schema public to public",
        found: &[(PgFault::SchemaCreate, "public")],
        leak: None,
    },
    Planted {
        fault: "alter role APP set app.tenant_id = 'globex'",
        found: &[(PgFault::SettingPreset, "role APP")],
        leak: Some(UNBOUND),
    },
    Planted {
        fault: "alter database DATABASE set app.tenant_id = 'globex'",
        found: &[(PgFault::SettingPreset, "role all in database DATABASE")],
        leak: Some(UNBOUND),
    },
    Planted {
        fault: "alter role APP in database DATABASE set app.tenant_id = 'globex'",
        found: &[(PgFault::SettingPreset, "role APP in database DATABASE")],
        leak: Some(UNBOUND),
    },
    Planted {
        fault: "alter role APP set \"App\".\"Tenant_Id\" = 'globex'",
        found: &[(PgFault::SettingPreset, "role APP")],
        leak: Some(UNBOUND),
    },
    Planted {
        fault: "alter table notes owner to APP",
        found: &[
            (PgFault::TableOwned, "public.notes"),
            (PgFault::Grant, "public.notes for REFERENCES, TRIGGER, TRUNCATE"),
        ],
        leak: Some("alter table notes disable row level security; select body from notes order by body"),
    },
    Planted {
        fault: "alter table notes disable row level security",
        found: &[(PgFault::RowSecurityOff, "public.notes")],
        leak: Some(ALL),
    },
    Planted {
        fault: "alter table notes no force row level security",
        found: &[(PgFault::RowSecurityNotForced, "public.notes")],
        leak: None,
    },
    Planted {
        fault: "drop policy tenancy_tenant on notes",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some(ALL),
    },
    Planted {
        fault: "alter policy tenancy_tenant on notes using (true)",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some(ALL),
    },
    Planted {
        fault: "alter policy tenancy_tenant on notes using (tenant_id = coalesce(nullif(
            current_setting('app.tenant_id', true), ''), tenant_id))",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some(UNBOUND),
    },
    Planted {
        fault: "alter policy tenancy_tenant on notes with check (true)",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some("insert into notes (tenant_id, name) values ('globex', 'forged'); select 'of globex'"),
    },
    Planted {
        fault: "alter policy tenancy_tenant on notes to ADMIN",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some(ALL),
    },
    Planted {
        fault: "drop policy tenancy_tenant on notes; create policy tenancy_tenant on notes as permissive to APP
            using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')))",
        found: &[(PgFault::PolicyDiffers, "\"public\".\"notes\"")],
        leak: Some(ALL),
    },
    Planted {
        fault: "create policy anyone on notes using (true)",
        found: &[(PgFault::PolicyForOthers, "anyone on public.notes")],
        leak: None,
    },
    Planted {
        fault: "alter table tags drop constraint tags_pkey; alter table tags alter column tenant_id drop not null",
        found: &[(PgFault::ColumnNullable, "public.tags.tenant_id")],
        leak: None,
    },
    Planted {
        fault:
            "create table forgotten (tenant_id text, body text); insert into forgotten values ('globex', 'of globex');
            grant select on forgotten to APP",
        found: &[(PgFault::TableUndeclared, "public.forgotten")],
        leak: Some("select body from forgotten"),
    },
    Planted {
        fault: "alter table notes add constraint one_body unique (body)",
        found: &[(PgFault::KeyWithoutTenant, "one_body on public.notes")],
        leak: None,
    },
    Planted {
        fault: "create unique index one_lower_body on notes (lower(body)) where body <> ''",
        found: &[(PgFault::KeyWithoutTenant, "one_lower_body on public.notes")],
        leak: None,
    },
    Planted {
        fault: "create unique index covered on notes (body) include (tenant_id)",
        found: &[(PgFault::KeyWithoutTenant, "covered on public.notes")],
        leak: None,
    },
    Planted {
        fault: "alter table notes add constraint id_alone unique (id);
            alter table tags add constraint loose foreign key (note) references notes (id) on delete cascade",
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "loose on public.tags"),
            (PgFault::KeyWithoutTenant, "id_alone on public.notes"),
        ],
        leak: None,
    },
    Planted {
        fault: "grant truncate, references, trigger on notes to APP; grant truncate on tags to APP",
        found: &[
            (PgFault::Grant, "public.notes for REFERENCES, TRIGGER, TRUNCATE"),
            (PgFault::Grant, "public.tags for TRUNCATE"),
        ],
        leak: Some("truncate notes, tags; select 'of globex' where not exists (select from notes)"),
    },
    Planted {
        fault: "grant select on notes to public",
        found: &[(PgFault::Grant, "public.notes for SELECT")],
        leak: None,
    },
    Planted {
        fault: "create table child () inherits (notes); insert into child (tenant_id, name, body, id)
            values ('globex', 'child', 'of globex', 9); grant select on child to APP",
        found: &[(PgFault::ChildOpen, "public.child")],
        leak: Some("select body from child"),
    },
    Planted {
        fault: "create rule loud as on insert to notes do also select 1",
        found: &[(PgFault::Rule, "loud on public.notes")],
        leak: None,
    },
    Planted {
        fault: "create view all_notes as select * from notes; grant select on all_notes to APP",
        found: &[(PgFault::ViewAsOwner, "public.all_notes")],
        leak: Some("select body from all_notes order by body"),
    },
    Planted {
        fault: "create view inner_notes as select * from notes;
            create view outer_notes as select * from inner_notes; grant select on outer_notes to APP",
        found: &[(PgFault::ViewAsOwner, "public.outer_notes")],
        leak: Some("select body from outer_notes order by body"),
    },
    Planted {
        fault: "create materialized view kept_notes as select * from notes; grant select on kept_notes to APP",
        found: &[(PgFault::MaterializedView, "public.kept_notes")],
        leak: Some("select body from kept_notes order by body"),
    },
    // Rights to columns alone.
    Planted {
        fault: "create view all_notes as select * from notes; grant select (body) on all_notes to APP",
        found: &[(PgFault::ViewAsOwner, "public.all_notes")],
        leak: Some("select body from all_notes order by body"),
    },
    Planted {
        fault: "create materialized view kept_notes as select * from notes; grant select (body) on kept_notes to APP",
        found: &[(PgFault::MaterializedView, "public.kept_notes")],
        leak: Some("select body from kept_notes order by body"),
    },
    Planted {
        fault: "create table child () inherits (notes); insert into child (tenant_id, name, body, id)
            values ('globex', 'child', 'of globex', 9); grant select (body) on child to APP",
        found: &[(PgFault::ChildOpen, "public.child")],
        leak: Some("select body from child"),
    },
    Planted {
        fault:
            "create table forgotten (tenant_id text, body text); insert into forgotten values ('globex', 'of globex');
            grant select (body) on forgotten to APP",
        found: &[(PgFault::TableUndeclared, "public.forgotten")],
        leak: Some("select body from forgotten"),
    },
    Planted {
        fault: "grant references (id) on notes to APP; grant select (tag) on tags to public",
        found: &[
            (PgFault::Grant, "public.notes for REFERENCES (id)"),
            (PgFault::Grant, "public.tags for SELECT (tag)"),
        ],
        leak: None,
    },
    // Rights of a role that the application's is a member of.
    Planted {
        fault: "create role APP_between; grant truncate on notes, tags to APP_between; grant APP_between to APP",
        found: &[
            (PgFault::Grant, "public.notes for TRUNCATE"),
            (PgFault::Grant, "public.tags for TRUNCATE"),
        ],
        leak: Some("truncate notes, tags; select 'of globex' where not exists (select from notes)"),
    },
    Planted {
        fault: "create role APP_between; grant create on schema public to APP_between; grant APP_between to APP",
        found: &[(PgFault::SchemaCreate, "public")],
        leak: None,
    },
    Planted {
        fault: "alter database DATABASE owner to APP",
        found: &[(PgFault::DatabaseOwned, "DATABASE")],
        leak: None,
    },
    Planted {
        fault: "alter role APP noinherit; create role APP_between; create materialized view kept_notes as select * from notes;
            grant select on kept_notes to APP_between; grant APP_between to APP",
        found: &[(PgFault::MaterializedView, "public.kept_notes")],
        leak: Some("set local role APP_between; select body from kept_notes order by body"),
    },
    // An owner who sees as much as the one that they are a member of.
    Planted {
        fault: "create role APP_between in role ADMIN; create function bodies() returns setof text language sql
            security definer as 'select body from public.notes order by body';
            alter function bodies owner to APP_between",
        found: &[(PgFault::FunctionAsOwner, "public.bodies()")],
        leak: Some("select bodies()"),
    },
    Planted {
        fault: "create function bodies() returns setof text language sql security definer
            as 'select body from public.notes order by body'",
        found: &[(PgFault::FunctionAsOwner, "public.bodies()")],
        leak: Some("select bodies()"),
    },
];

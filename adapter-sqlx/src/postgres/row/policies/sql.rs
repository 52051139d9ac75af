//! The declaration as a text for migrations, which looks by itself at what is there.

use super::look::USED_SEQUENCES;
use super::policies::{ADMINISTRATOR, APPLICATION, TENANT, open_policy_sql};
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// The role that runs the text, where the declaration names no administrator.
const CURRENT: &str = "current_user";

impl PgRowTables {
    /// The text for one table.
    pub(in crate::postgres) fn table_sql(&self, table: &PgTenantTable) -> String {
        let column = table.tenant_column();
        let block = format!(
            "declare
    path text := pg_catalog.current_setting('search_path');
    guarded oid := {name}::pg_catalog.regclass;
    ours name[] := {ours};
    shared name[];
    others text;
    others_kept text;
    other_administrators text;
    before text;
    after text;
    object text;
begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
{altered}{policies}{grants}    perform set_config('search_path', path, true);
end ",
            name = Literal(&table.to_string()),
            ours = self.own_roles(),
            altered = self.altered_block(table),
            policies = self.policies_block(table),
            grants = self.grants_block(table),
        );
        if self.is_on_citus() {
            // All of it is in the block, since Citus sends a message of several statements to its workers as it came.
            return do_block(&block);
        }
        format!(
            "alter table {table} alter column {column} set not null;
alter table {table} enable row level security;
alter table {table} force row level security;
{}",
            do_block(&block)
        )
    }

    fn altered_block(&self, table: &PgTenantTable) -> String {
        let (column, tenant) = (table.tenant_column(), self.tenant(table));
        if !self.is_on_citus() {
            return format!("    alter table {table} alter column {column} set default {tenant};\n");
        }
        // A distributed table takes no default for the column, and each statement goes to every shard.
        format!(
            "    if not exists (select from pg_dist_partition where logicalrelid = guarded) then
        alter table {table} alter column {column} set default {tenant};
    end if;
    if exists (select from pg_attribute where attrelid = guarded and attname = {name} and not attnotnull) then
        alter table {table} alter column {column} set not null;
    end if;
    if exists (select from pg_class where oid = guarded and relforcerowsecurity) then
        alter table {table} no force row level security;
    end if;
    if exists (select from pg_class where oid = guarded and not relrowsecurity) then
        alter table {table} enable row level security;
    end if;
",
            name = Literal(column.as_str()),
        )
    }

    /// The declared roles, as an array.
    fn own_roles(&self) -> String {
        let names = self
            .applications()
            .iter()
            .map(|role| Literal(role.as_str()).to_string());
        let names: Vec<String> = names.chain([self.administrator_literal()]).collect();
        format!("array[{}]", names.join(", "))
    }

    /// The administrator's name, as an expression.
    fn administrator_literal(&self) -> String {
        if self.names_administrator() {
            Literal(self.administrator().as_str()).to_string()
        } else {
            CURRENT.to_owned()
        }
    }

    /// The policies are made anew. Roles of other services stay in them, if they mean the same to those.
    fn policies_block(&self, table: &PgTenantTable) -> String {
        let name = table.to_string();
        let administrator = if self.names_administrator() {
            self.administrator().to_string()
        } else {
            CURRENT.to_owned()
        };
        let create = |sql: &str, others: &str| {
            // The names of other roles are only known when it runs.
            let (before, after) = sql.split_once(HERE).unwrap_or((sql, ""));
            format!("    execute {} || {others} || {};\n", Literal(before), Literal(after))
        };
        let own = format!("{}{HERE}", self.application_list());
        let application = if self.is_on_citus() {
            String::new()
        } else {
            create(&open_policy_sql(APPLICATION, &name, &own), "others")
        };
        let administrators = format!("{administrator}{HERE}");
        let administrator = create(
            &open_policy_sql(ADMINISTRATOR, &name, &administrators),
            "other_administrators",
        );
        let tenant = create(&self.tenant_policy_sql(table, &name, &own), "others_kept");
        format!(
            "    -- Roles of other services stay in the policies.
    select coalesce(string_agg(distinct format(', %I', r.rolname), '') filter (where p.polname = '{APPLICATION}'), ''),
        coalesce(string_agg(distinct format(', %I', r.rolname), ''), ''), array_agg(distinct p.polname)
    into others, others_kept, shared from pg_policy p join pg_roles r on r.oid = any (p.polroles)
    where p.polrelid = guarded and p.polname in ('{APPLICATION}', '{TENANT}') and r.rolname <> all (ours);
    select coalesce(string_agg(format(', %I', r.rolname), ''), '')
    into other_administrators from pg_policy p join pg_roles r on r.oid = any (p.polroles)
    where p.polrelid = guarded and p.polname = '{ADMINISTRATOR}' and r.rolname <> {administrator_name};
    {before}
    drop policy if exists {APPLICATION} on {table};
{application}    drop policy if exists {ADMINISTRATOR} on {table};
{administrator}    drop policy if exists {TENANT} on {table};
{tenant}    {after}
    if before is distinct from after then
        raise exception 'other roles are under policies of % that say something else', guarded::regclass
            using detail = before, errcode = 'object_not_in_prerequisite_state';
    end if;
",
            administrator_name = self.administrator_literal(),
            before = said("before"),
            after = said("after"),
        )
    }

    /// Rights are given only on what nobody has been granted or refused anything.
    fn grants_block(&self, table: &PgTenantTable) -> String {
        let (rights, roles) = (table.grants(), self.application_list());
        let schema = table.schema();
        let mut block = format!(
            "    if (select nspacl is null from pg_namespace where nspname = {schema_name}) and exists (select from pg_roles r
        where r.rolname = any (ours) and not has_schema_privilege(r.oid, {schema_name}, 'usage')) then
        grant usage on schema {schema} to {roles};
    end if;
",
            schema_name = Literal(schema.as_str()),
        );
        if !rights.grants().is_empty() {
            block.push_str(&format!(
                "    if (select relacl is null from pg_class where oid = guarded)
        and not exists (select from pg_attribute where attrelid = guarded and attacl is not null and not attisdropped)
    then
        grant {rights} on table {table} to {roles};
    end if;
"
            ));
        }
        if rights.inserts() {
            block.push_str(&format!(
                "    for object in select distinct s.oid::regclass::text from (select guarded as relid) as d
{USED_SEQUENCES}
    loop
        execute format('grant usage on sequence %s to ', object) || {};
    end loop;
",
                Literal(&roles)
            ));
        }
        block
    }
}

/// Where the names of other services' roles come into a statement. No name has it.
const HERE: &str = "\0";

/// What the policies say that other services are under.
fn said(variable: &str) -> String {
    format!(
        "select string_agg(concat_ws(' ', polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid),
        pg_get_expr(polwithcheck, polrelid)), ', ' order by polname)
    into {variable} from pg_policy where polrelid = guarded and polname = any (shared);"
    )
}

/// Names may hold dollars, too: the block ends where nothing in it does.
fn do_block(block: &str) -> String {
    let mut tag = "$tenancy$".to_owned();
    while block.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("do {tag}\n{block}{tag};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_after_its_text() {
        assert_eq!(do_block("begin end "), "do $tenancy$\nbegin end $tenancy$;\n");
        assert_eq!(
            do_block("\"a$tenancy$b$_tenancy$\""),
            "do $__tenancy$\n\"a$tenancy$b$_tenancy$\"$__tenancy$;\n"
        );
    }
}

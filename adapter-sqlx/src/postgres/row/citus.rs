//! What a declaration for a Citus cluster says, and the statement that distributes its tables.

use super::table::PgTenantTable;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// The cluster's part of a declaration.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Citus {
    /// By schema and name.
    pub(in crate::postgres) reference_tables: Vec<(PgIdentifier, PgIdentifier)>,
}

impl Citus {
    /// Each declared table, and the column that it is distributed by. Reference tables have none, and come first.
    fn declared(&self, tables: &[PgTenantTable]) -> Vec<(String, Option<String>)> {
        let references = self
            .reference_tables
            .iter()
            .map(|(schema, name)| (format!("{schema}.{name}"), None));
        let tables = tables
            .iter()
            .map(|table| (table.to_string(), Some(table.tenant_column().as_str().to_owned())));
        references.chain(tables).collect()
    }

    /// The declared tables as rows of SQL: the name, and the column or null.
    pub(in crate::postgres) fn rows(&self, tables: &[PgTenantTable]) -> String {
        let rows = self.declared(tables).into_iter().map(|(name, column)| {
            let column = column.map_or_else(|| "null".to_owned(), |column| Literal(&column).to_string());
            format!("({}, {column})", Literal(&name))
        });
        rows.collect::<Vec<String>>().join(", ")
    }

    /// Asks whether any of the tables that exist is not distributed.
    pub(in crate::postgres) fn is_local_sql(&self, tables: &[PgTenantTable]) -> Option<String> {
        let rows = self.rows(tables);
        (!rows.is_empty()).then(|| {
            format!(
                "select exists (select from (values {rows}) as d(name, col)
                join pg_catalog.pg_class c on c.oid = to_regclass(d.name) and c.relkind in ('r', 'p')
                where not exists (select from pg_catalog.pg_dist_partition p where p.logicalrelid = c.oid))"
            )
        })
    }

    /// One statement, which distributes what is not distributed yet, and does nothing where all is.
    ///
    /// It is one block, since Citus sends a message of several statements to its workers as it came. Tables that others
    /// refer to come before those, and reference tables before all. Tables with tenants of one type are placed together,
    /// so that those of one tenant are on one node. A reference table would turn the local tables beside it into ones that
    /// Citus manages, which could not be distributed any more.
    pub(in crate::postgres) fn distribution_sql(&self, tables: &[PgTenantTable]) -> String {
        let rows = self.rows(tables);
        if rows.is_empty() {
            return String::new();
        }
        let block = format!(
            "declare
    one record;
    beside text;
    path text := pg_catalog.current_setting('search_path');
    neighbours text := pg_catalog.current_setting('citus.enable_local_reference_table_foreign_keys');
begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    perform set_config('citus.enable_local_reference_table_foreign_keys', 'off', true);
    for one in with recursive declared as (
        select to_regclass(d.name)::oid as relid, d.col from (values {rows}) as d(name, col)
    ), depths as (
        select relid, 0 as depth from declared where relid is not null
        union select k.conrelid, d.depth + 1 from depths d join pg_constraint k
            on k.confrelid = d.relid and k.contype = 'f' and k.conrelid <> k.confrelid
        where d.depth < 64
    )
    select d.relid, d.col, a.atttypid, a.attcollation from declared d join depths e using (relid)
    left join pg_attribute a on a.attrelid = d.relid and a.attname = d.col and not a.attisdropped
    where not exists (select from pg_dist_partition p where p.logicalrelid = d.relid)
    group by d.relid, d.col, a.atttypid, a.attcollation order by d.col is not null, max(e.depth), d.relid
    loop
        if one.col is null then
            perform create_reference_table(one.relid);
        else
            select d.name into beside from (values {rows}) as d(name, col)
            join pg_dist_partition p on p.logicalrelid = to_regclass(d.name) and p.partmethod = 'h'
            join pg_attribute a on a.attrelid = p.logicalrelid and a.attname = d.col and not a.attisdropped
            where a.atttypid = one.atttypid and a.attcollation = one.attcollation limit 1;
            perform create_distributed_table(one.relid, one.col, colocate_with => coalesce(beside, 'none'));
        end if;
    end loop;
    perform set_config('citus.enable_local_reference_table_foreign_keys', neighbours, true);
    perform set_config('search_path', path, true);
end"
        );
        format!("do {};\n", Literal(&block))
    }
}

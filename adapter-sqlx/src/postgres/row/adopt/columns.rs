//! The tenant's column: added to the tables that lack it, and filled.
//!
//! A table without tenants gets the column with a constant default, which writes no row and starts no trigger. Where
//! other declared tables have their tenants already, a table's rows get the tenant of the rows that they refer to.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, Row};
use tenancy_core::names::TenantId;

use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// The name by which an error of the script is known as one about rows without a tenant.
pub(super) const ORPHANS: &str = "tenancy_rows_without_tenant";

/// A declared table's column as it is before the adoption.
struct Column {
    /// The table's name, as SQL spells it.
    table: String,
    is_there: bool,
    is_not_null: bool,
    /// Disables the triggers and rules of the table and its partitions, which are not to see what fills the column.
    quiet: String,
    /// Enables them again as they were.
    restored: String,
}

/// A foreign key along which rows get their tenant.
struct Edge {
    child: usize,
    parent: usize,
    /// Whether both are one table.
    is_own: bool,
    update: String,
}

/// How a column that is not filled yet gets its values.
struct Fill {
    table: usize,
    updates: Vec<String>,
    /// Whether the tables that it is filled from have no row without a tenant. Then a row that refers to none of theirs
    /// is nobody's to decide about here.
    is_strict: bool,
}

/// `tgenabled` and `ev_enabled` have the same letters. What checks a foreign key or a key stays enabled.
const COLUMNS: &str = "
, switches as (
    select g.place, t.tgname as name, format('alter table only %s ', g.tab) as head, 'trigger ' as kind, t.tgenabled as state
    from guarded g join pg_trigger t on t.tgrelid = g.relid and not t.tgisinternal and t.tgenabled <> 'D'
    union all select g.place, r.rulename, format('alter table %s ', g.tab), 'rule ', r.ev_enabled
    from guarded g join pg_rewrite r on r.ev_class = g.relid and r.ev_type <> '1' and r.ev_enabled <> 'D'
)
select d.place - 1, d.attnum is not null, coalesce(d.attnotnull, false),
    coalesce((select string_agg(format(E'%sdisable %s%I;\\n', s.head, s.kind, s.name), '' order by s.head, s.name)
        from switches s where s.place = d.place), ''),
    coalesce((select string_agg(format(E'%senable %s%s%I;\\n', s.head,
            case s.state when 'R' then 'replica ' when 'A' then 'always ' else '' end, s.kind, s.name), ''
        order by s.head, s.name) from switches s where s.place = d.place), ''), d.tab
from declared d where d.relid is not null order by d.place";

/// Citus takes no row without a value in the column that a table is distributed by, and refuses to update it.
const DISTRIBUTED: &str = "
select d.place - 1 from declared d join pg_dist_partition p on p.logicalrelid = d.relid
where p.partmethod = 'h' and column_to_column_name(p.logicalrelid, p.partkey) = d.col";

/// Foreign keys between declared tables that do not pair the tenants' columns yet.
const EDGES: &str = "
select child.place - 1, parent.place - 1, k.conrelid = k.confrelid, format(E'update %s as child set %I = parent.%I from %s as parent\\n'
        '    where child.%2$I is null and parent.%3$I is not null and %5$s;\\n', child.tab, child.col, parent.col, parent.tab, (
        select string_agg(format('parent.%I operator(%I.%s) child.%I', p.attname, n.nspname, o.oprname, c.attname), ' and '
            order by pair.place)
        from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality as pair(own, other, op, place)
        join pg_attribute c on c.attrelid = k.conrelid and c.attnum = pair.own
        join pg_attribute p on p.attrelid = k.confrelid and p.attnum = pair.other
        join pg_operator o on o.oid = pair.op join pg_namespace n on n.oid = o.oprnamespace))
from guarded child join pg_constraint k on k.conrelid = child.relid and k.contype = 'f' and k.conparentid = 0
join guarded parent on parent.relid = k.confrelid
where child.attnum is null or not child.attnum = any (k.conkey)
order by child.tab, k.conname";

impl PgRowTables {
    /// What adds the columns that lack, and fills those that may be null. The caller has pinned the search path.
    pub(super) async fn columns_sql(
        &self,
        first: &TenantId,
        connection: &mut PgConnection,
    ) -> Result<String, sqlx::Error> {
        let columns = self.columns(connection).await?;
        let edges = self.edges(connection).await?;
        let fills = plan(&columns, &edges);
        let filled: BTreeSet<usize> = fills.iter().map(|fill| fill.table).collect();
        let mut sql = String::new();
        for (place, column) in &columns {
            let Some(table) = self.tables().get(*place).filter(|_| !column.is_there) else {
                continue;
            };
            let (name, column_type) = (table.tenant_column(), table.tenant_column_type().sql_type());
            sql.push_str(&format!("alter table {table} add column {name} {column_type}"));
            if !filled.contains(place) {
                sql.push_str(&format!(" not null default {}", Literal(first.as_str())));
            }
            sql.push_str(";\n");
        }
        for fill in &fills {
            if let (Some(table), Some(column)) = (self.tables().get(fill.table), columns.get(&fill.table)) {
                sql.push_str(&fill_sql(table, column, fill, first));
            }
        }
        Ok(sql)
    }

    async fn columns(&self, connection: &mut PgConnection) -> Result<BTreeMap<usize, Column>, sqlx::Error> {
        let mut columns = BTreeMap::new();
        for row in self.adoption_query(connection, COLUMNS).await? {
            let column = Column {
                table: row.try_get(5)?,
                is_there: row.try_get(1)?,
                is_not_null: row.try_get(2)?,
                quiet: row.try_get(3)?,
                restored: row.try_get(4)?,
            };
            columns.insert(place(row.try_get(0)?), column);
        }
        if self.is_on_citus() {
            for row in self.adoption_query(connection, DISTRIBUTED).await? {
                if let Some(column) = columns.get_mut(&place(row.try_get(0)?)) {
                    column.is_not_null = true;
                }
            }
        }
        Ok(columns)
    }

    async fn edges(&self, connection: &mut PgConnection) -> Result<Vec<Edge>, sqlx::Error> {
        let mut edges = Vec::new();
        for row in self.adoption_query(connection, EDGES).await? {
            edges.push(Edge {
                child: place(row.try_get(0)?),
                parent: place(row.try_get(1)?),
                is_own: row.try_get(2)?,
                update: row.try_get(3)?,
            });
        }
        Ok(edges)
    }
}

/// Past the end of every list, if it is not one of a list at all.
fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Which columns are filled and from where, parents before children.
///
/// It begins with the tables in which every row has its tenant, and goes on with those in which some may have none.
fn plan(columns: &BTreeMap<usize, Column>, edges: &[Edge]) -> Vec<Fill> {
    let having = |is_not_null: bool| {
        let of = move |(_, column): &(&usize, &Column)| column.is_there && column.is_not_null == is_not_null;
        columns.iter().filter(of).map(|(place, _)| *place).collect::<Vec<_>>()
    };
    let mut fills = Vec::new();
    let mut done: BTreeSet<usize> = having(true).into_iter().collect();
    spread(&mut done, &mut fills, edges, true);
    for table in having(false) {
        if done.insert(table) {
            fills.push(Fill {
                table,
                updates: own_updates(table, edges),
                is_strict: false,
            });
        }
    }
    spread(&mut done, &mut fills, edges, false);
    fills
}

/// Fills whatever refers to what is filled, until nothing does.
fn spread(done: &mut BTreeSet<usize>, fills: &mut Vec<Fill>, edges: &[Edge], is_strict: bool) {
    loop {
        let reached = edges
            .iter()
            .find(|edge| done.contains(&edge.parent) && !done.contains(&edge.child));
        let Some(&Edge { child: table, .. }) = reached else {
            return;
        };
        let from = |edge: &&Edge| edge.child == table && done.contains(&edge.parent);
        let mut updates: Vec<String> = edges.iter().filter(from).map(|edge| edge.update.clone()).collect();
        updates.extend(own_updates(table, edges));
        fills.push(Fill {
            table,
            updates,
            is_strict,
        });
        done.insert(table);
    }
}

/// Rows that refer to rows of their own table, which may refer to others in turn.
fn own_updates(table: usize, edges: &[Edge]) -> Vec<String> {
    let own = edges.iter().filter(|edge| edge.child == table && edge.is_own);
    own.map(|edge| {
        let body = format!("begin\nloop\n{}exit when not found;\nend loop;\nend", edge.update);
        format!("do {};\n", Literal(&body))
    })
    .collect()
}

fn fill_sql(table: &PgTenantTable, column: &Column, fill: &Fill, first: &TenantId) -> String {
    let name = table.tenant_column();
    let rest = if fill.is_strict {
        let body = format!(
            "begin
if exists (select from {table} where {name} is null) then
    raise exception 'rows refer to no row of a tenant' using errcode = 'not_null_violation', constraint = '{ORPHANS}',
        table = {};
end if;
end",
            Literal(&column.table)
        );
        format!("do {};\n", Literal(&body))
    } else {
        format!(
            "update {table} set {name} = {} where {name} is null;\n",
            Literal(first.as_str())
        )
    };
    // The script has made all checks immediate: a table with checks that are still due could not be altered.
    format!("{}{}{rest}{}", column.quiet, fill.updates.concat(), column.restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(is_there: bool, is_not_null: bool) -> Column {
        Column {
            table: String::new(),
            is_there,
            is_not_null,
            quiet: String::new(),
            restored: String::new(),
        }
    }

    fn edge(child: usize, parent: usize) -> Edge {
        Edge {
            child,
            parent,
            is_own: child == parent,
            update: format!("{child} from {parent};"),
        }
    }

    fn planned(columns: &[Column; 4], edges: &[Edge]) -> Vec<(usize, Vec<String>, bool)> {
        let columns: BTreeMap<usize, Column> = columns
            .iter()
            .enumerate()
            .map(|(place, one)| (place, column(one.is_there, one.is_not_null)))
            .collect();
        let fills = plan(&columns, edges).into_iter();
        fills.map(|fill| (fill.table, fill.updates, fill.is_strict)).collect()
    }

    #[test]
    fn nothing_is_filled_where_no_table_has_tenants() {
        let columns = [(); 4].map(|()| column(false, false));
        assert!(planned(&columns, &[edge(1, 0), edge(2, 1), edge(3, 3)]).is_empty());
    }

    #[test]
    fn parents_are_filled_before_their_children() {
        let columns = [
            column(false, false),
            column(false, false),
            column(true, true),
            column(false, false),
        ];
        // The last refers to nothing that has tenants.
        assert_eq!(
            planned(&columns, &[edge(0, 1), edge(1, 2), edge(1, 0)]),
            [
                (1, vec!["1 from 2;".to_owned()], true),
                (0, vec!["0 from 1;".to_owned()], true)
            ]
        );
    }

    #[test]
    fn a_column_that_may_be_null_is_filled_itself() {
        let columns = [
            column(true, false),
            column(false, false),
            column(true, true),
            column(false, false),
        ];
        assert_eq!(
            planned(&columns, &[edge(1, 0)]),
            [(0, vec![], false), (1, vec!["1 from 0;".to_owned()], false)]
        );
    }
}

//! What a connection has, so that it sees the rows of one tenant only.

use std::fmt::Write as _;

use super::base_table::{BaseTable, Column};

const BOUND: &str = "(select tenant from temp.tenancy_bound)";

/// The view of a base table and its triggers, as statements of SQL.
pub(in crate::sqlite) fn create(base: &BaseTable) -> String {
    let mut sql = view(base);
    sql.push_str(&insert_trigger(base));
    sql.push_str(&update_trigger(base));
    sql.push_str(&delete_trigger(base));
    if base.is_written_by_triggers {
        sql.push_str(&guards(base));
    }
    sql
}

/// Statements that compile the view and its triggers, and do nothing.
pub(in crate::sqlite) fn compile(base: &BaseTable) -> String {
    let view = quote(base.table.view());
    let column = quote(base.table.tenant_column());
    format!(
        "explain insert into {view} default values; explain update {view} set {column} = 1; explain delete from {view};"
    )
}

fn view(base: &BaseTable) -> String {
    format!(
        "create temp view {} as select {} from main.{} where {} = {BOUND};\n",
        quote(base.table.view()),
        list(base.columns.iter().map(|column| quote(&column.name))),
        quote(base.table.base()),
        quote(base.table.tenant_column()),
    )
}

fn insert_trigger(base: &BaseTable) -> String {
    let tenant = quote(base.table.tenant_column());
    let value = |column: &Column| {
        let new = format!("new.{}", quote(&column.name));
        match &column.default {
            _ if base.is_tenant_column(&column.name) => BOUND.to_owned(),
            // A view does not tell a column that was left out from one that was set to null.
            Some(default) => format!("coalesce({new}, ({}))", as_expression(default)),
            None => new,
        }
    };
    format!(
        "create temp trigger {} instead of insert on {} begin\n\
         select raise(abort, 'tenancy: no tenant is bound') where not exists {BOUND};\n\
         select raise(abort, 'tenancy: the row names another tenant') where new.{tenant} is not null and new.{tenant} is not {BOUND} collate binary;\n\
         {}insert into {} ({}) values ({});\nend;\n",
        quote(&format!("tenancy_insert_{}", base.table.view())),
        quote(base.table.view()),
        refuse_null_keys(base, false),
        quote(base.table.base()),
        list(stored(base).map(|column| quote(&column.name))),
        list(stored(base).map(value)),
    )
}

fn update_trigger(base: &BaseTable) -> String {
    let assign = |column: &Column| {
        let name = quote(&column.name);
        format!("{name} = new.{name}")
    };
    format!(
        "create temp trigger {} instead of update on {} begin\n\
         select raise(abort, 'tenancy: the row names another tenant') where new.{} is not {BOUND} collate binary;\n\
         {}update {} set {} where {};\nend;\n",
        quote(&format!("tenancy_update_{}", base.table.view())),
        quote(base.table.view()),
        quote(base.table.tenant_column()),
        refuse_null_keys(base, true),
        quote(base.table.base()),
        list(stored(base).map(assign)),
        is_old_row(base),
    )
}

fn delete_trigger(base: &BaseTable) -> String {
    format!(
        "create temp trigger {} instead of delete on {} begin\ndelete from {} where {};\nend;\n",
        quote(&format!("tenancy_delete_{}", base.table.view())),
        quote(base.table.view()),
        quote(base.table.base()),
        is_old_row(base),
    )
}

/// Triggers on the base table itself, which refuse that a trigger of the application writes another tenant's row.
/// A trigger sees and writes all of the base table: the view does not filter it.
fn guards(base: &BaseTable) -> String {
    let tenant = quote(base.table.tenant_column());
    let foreign = |row: &str| format!("{row}.{tenant} is not {BOUND} collate binary");
    let guard = |event: &str, when: &str| {
        format!(
            "create temp trigger {} before {event} on main.{} when {when} begin\n\
             select raise(abort, 'tenancy: a trigger writes a row of another tenant');\nend;\n",
            quote(&format!("tenancy_guard_{event}_{}", base.table.base())),
            quote(base.table.base()),
        )
    };
    let either = format!("{} or {}", foreign("old"), foreign("new"));
    guard("insert", &foreign("new")) + &guard("update", &either) + &guard("delete", &foreign("old"))
}

/// The row's primary key, and once more the tenant: a trigger sees the whole base table. What is old
/// is what is stored, byte for byte, whatever the column's collation holds for equal.
fn is_old_row(base: &BaseTable) -> String {
    let mut condition = format!("{} = {BOUND}", quote(base.table.tenant_column()));
    for key in base.key().filter(|key| !base.is_tenant_column(&key.name)) {
        let name = quote(&key.name);
        // Writing to a string does not fail.
        let _ = write!(condition, " and {name} is old.{name} collate binary");
    }
    condition
}

/// SQLite lets a primary key be null unless it is declared otherwise, and null names no row.
fn refuse_null_keys(base: &BaseTable, on_update: bool) -> String {
    let nullable = base
        .key()
        .filter(|key| !key.is_not_null && (on_update || !has_default(key)) && !base.is_tenant_column(&key.name));
    nullable
        .map(|key| {
            let name = quote(&key.name);
            format!("select raise(abort, 'tenancy: a column of the primary key is null') where new.{name} is null;\n")
        })
        .collect()
}

/// Whether a column that is left out is filled in.
fn has_default(column: &Column) -> bool {
    column
        .default
        .as_ref()
        .is_some_and(|default| !default.trim().eq_ignore_ascii_case("null"))
}

fn stored(base: &BaseTable) -> impl Iterator<Item = &Column> {
    base.columns.iter().filter(|column| !column.is_generated)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

pub(in crate::sqlite) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A default in double quotes is a text in a table and a column in a trigger.
fn as_expression(default: &str) -> String {
    match default.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => format!("'{}'", text.replace("\"\"", "\"").replace('\'', "''")),
        None => default.to_owned(),
    }
}

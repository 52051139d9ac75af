//! The proof that nothing beside the views shows tenants' rows.
//!
//! SQLite itself says what a view reads and a trigger writes: `EXPLAIN` lists the programs that it compiles,
//! the triggers' too, and the tables that they open. So quotes, comments, aliases, case and views over views
//! need no parser here. Only the arguments of virtual tables do: SQLite passes them on as text.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::catalog_error::CatalogError;
use super::declarations::Declarations;
use super::unsafe_schema::UnsafeSchema;
use super::views::quote;
use super::virtual_table;

/// Refuses a view or virtual table over a base table, and a trigger that carries its rows elsewhere.
///
/// Answers which base tables the application's triggers write to, in lower case.
pub(in crate::sqlite) async fn prove(
    connection: &mut SqliteConnection,
    declared: &Declarations,
) -> Result<BTreeSet<String>, CatalogError> {
    let mut catalog = Catalog::read(connection).await?;
    catalog.find_modules(connection).await?;
    for object in &catalog.objects {
        let reads = match object.kind {
            Kind::View => catalog.reads_of(connection, &object.name).await?,
            Kind::Virtual => virtual_table::referenced_names(&object.sql).into_iter().collect(),
            Kind::Table | Kind::Other => continue,
        };
        if let Some(table) = reads.into_iter().find(|name| declared.is_base(name))
            && !declared.is_exposed(&object.name)
        {
            let view = object.name.clone();
            return Err(UnsafeSchema::LeakingView { view, table }.into());
        }
    }
    let mut written = BTreeSet::new();
    for source in catalog.tables_with_triggers() {
        for programs in catalog.programs_of_writes(connection, source).await? {
            prove_flow(source, &programs, declared)?;
            let targets = programs.iter().flat_map(|program| &program.writes);
            written.extend(
                targets
                    .filter(|name| declared.is_base(name))
                    .map(|name| name.to_ascii_lowercase()),
            );
        }
    }
    Ok(written)
}

/// Refuses one kind of write to `source` if its triggers see tenants' rows and write to an undeclared table.
///
/// A trigger sees the row that fired it, and what the programs read. The programs of one statement count
/// together: an `INSTEAD OF` trigger passes on what the trigger above it has read.
fn prove_flow(source: &str, programs: &[Program], declared: &Declarations) -> Result<(), UnsafeSchema> {
    let sources = programs.iter().flat_map(|program| &program.reads).map(String::as_str);
    let Some(table) = std::iter::once(source)
        .chain(sources)
        .find(|name| declared.is_base(name))
    else {
        return Ok(());
    };
    let is_open = |target: &&String| !declared.is_base(target) && !declared.is_exposed(target);
    for program in programs {
        if let Some(target) = program.writes.iter().find(is_open) {
            return Err(UnsafeSchema::LeakingTrigger {
                trigger: program.trigger.clone(),
                table: table.to_owned(),
                target: target.clone(),
            });
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    View,
    Virtual,
    /// An index or a trigger.
    Other,
}

struct Object {
    kind: Kind,
    name: String,
    /// The table or view that an index or trigger belongs to.
    table: String,
    is_trigger: bool,
    root_page: i64,
    sql: String,
}

/// The program of a trigger, and what it opens. Tables that a temporary object would own do not count.
#[derive(Default)]
struct Program {
    trigger: String,
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
}

struct Catalog {
    objects: Vec<Object>,
    /// The tables by the pages on which they, or their indexes, start.
    by_root_page: HashMap<i64, String>,
    /// The virtual tables by the address by which `EXPLAIN` calls them on this connection.
    by_module: HashMap<String, String>,
}

impl Catalog {
    async fn read(connection: &mut SqliteConnection) -> Result<Self, CatalogError> {
        let rows = sqlx::query("select type, name, tbl_name, rootpage, sql from main.sqlite_schema order by rowid")
            .fetch_all(connection)
            .await?;
        let mut objects = Vec::with_capacity(rows.len());
        for row in &rows {
            let sql: String = row.try_get::<Option<String>, _>("sql")?.unwrap_or_default();
            let root_page = row.try_get::<Option<i64>, _>("rootpage")?.unwrap_or_default();
            let kind = match row.try_get::<&str, _>("type")? {
                "view" => Kind::View,
                // Only a virtual table has no pages of its own.
                "table" if root_page == 0 => Kind::Virtual,
                "table" => Kind::Table,
                _ => Kind::Other,
            };
            objects.push(Object {
                kind,
                name: row.try_get("name")?,
                table: row.try_get("tbl_name")?,
                is_trigger: row.try_get::<&str, _>("type")? == "trigger",
                root_page,
                sql,
            });
        }
        let pages = objects.iter().filter(|object| object.root_page != 0);
        let by_root_page = pages.map(|object| (object.root_page, object.table.clone())).collect();
        Ok(Self {
            objects,
            by_root_page,
            by_module: HashMap::new(),
        })
    }

    async fn find_modules(&mut self, connection: &mut SqliteConnection) -> Result<(), CatalogError> {
        for object in self.objects.iter().filter(|object| object.kind == Kind::Virtual) {
            let sql = format!("select * from main.{}", quote(&object.name));
            for instruction in explain(connection, &sql).await?.unwrap_or_default() {
                if instruction.opcode == "VOpen" {
                    self.by_module.insert(instruction.p4, object.name.clone());
                }
            }
        }
        Ok(())
    }

    fn tables_with_triggers(&self) -> BTreeSet<&str> {
        let triggers = self.objects.iter().filter(|object| object.is_trigger);
        triggers.map(|trigger| trigger.table.as_str()).collect()
    }

    /// The tables that a view reads. One that does not compile shows nothing, and is proved again as soon as
    /// it does: that takes a change of the schema.
    async fn reads_of(&self, connection: &mut SqliteConnection, view: &str) -> Result<BTreeSet<String>, CatalogError> {
        let sql = format!("select * from main.{}", quote(view));
        let instructions = explain(connection, &sql).await?.unwrap_or_default();
        let opened = instructions.iter().filter_map(|instruction| self.opened(instruction));
        Ok(opened.map(|(name, _)| name.to_owned()).collect())
    }

    /// The triggers' programs of each kind of write, one entry for each statement.
    async fn programs_of_writes(
        &self,
        connection: &mut SqliteConnection,
        table: &str,
    ) -> Result<Vec<Vec<Program>>, CatalogError> {
        let columns: Vec<String> =
            sqlx::query_scalar("select name from pragma_table_xinfo(?, 'main') where hidden = 0")
                .bind(table)
                .fetch_all(&mut *connection)
                .await
                .or_else(|error| {
                    if is_not_compiled(&error) {
                        Ok(Vec::new())
                    } else {
                        Err(error)
                    }
                })?;
        let table = quote(table);
        let mut statements = vec![
            format!("insert into main.{table} default values"),
            format!("delete from main.{table}"),
        ];
        // One by one: a trigger on one column that does not compile would hide those on another.
        for column in columns {
            let column = quote(&column);
            statements.push(format!("update main.{table} set {column} = {column}"));
        }
        let mut programs = Vec::with_capacity(statements.len());
        for sql in statements {
            // A statement that does not compile carries nothing anywhere.
            if let Some(instructions) = explain(connection, &sql).await? {
                programs.push(self.programs(&instructions));
            }
        }
        Ok(programs)
    }

    /// The programs of triggers: each begins with `Init`, which names its trigger.
    fn programs(&self, instructions: &[Instruction]) -> Vec<Program> {
        let mut programs: Vec<Program> = Vec::new();
        for instruction in instructions {
            if instruction.opcode == "Init" {
                if let Some(trigger) = instruction.p4.strip_prefix("-- TRIGGER ") {
                    let trigger = trigger.to_owned();
                    programs.push(Program {
                        trigger,
                        ..Program::default()
                    });
                }
            } else if let (Some(program), Some((name, is_write))) = (programs.last_mut(), self.opened(instruction)) {
                let names = if is_write {
                    &mut program.writes
                } else {
                    &mut program.reads
                };
                names.insert(name.to_owned());
            }
        }
        programs
    }

    /// The table that an instruction opens, and whether for writing.
    fn opened(&self, instruction: &Instruction) -> Option<(&str, bool)> {
        let Instruction { opcode, p1, p2, p3, p4 } = instruction;
        let on_page = |page: i64, database: i64| self.by_root_page.get(&page).filter(|_| database == MAIN);
        let (name, is_write) = match opcode.as_str() {
            "OpenRead" | "ReopenIdx" => (on_page(*p2, *p3), false),
            "OpenWrite" => (on_page(*p2, *p3), true),
            "Clear" => (on_page(*p1, *p2), true),
            "VOpen" => (self.by_module.get(p4), false),
            "VUpdate" => (self.by_module.get(p4), true),
            _ => return None,
        };
        name.map(|name| (name.as_str(), is_write))
    }
}

/// The number of the file itself among the databases of a connection.
const MAIN: i64 = 0;

struct Instruction {
    opcode: String,
    p1: i64,
    p2: i64,
    p3: i64,
    p4: String,
}

/// What SQLite compiles `sql` to. `None` if it does not compile.
async fn explain(connection: &mut SqliteConnection, sql: &str) -> Result<Option<Vec<Instruction>>, CatalogError> {
    let sql = AssertSqlSafe(format!("explain {sql}"));
    let rows = match sqlx::raw_sql(sql).fetch_all(connection).await {
        Err(error) if is_not_compiled(&error) => return Ok(None),
        rows => rows?,
    };
    let instruction = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Instruction {
            opcode: row.try_get("opcode")?,
            p1: row.try_get("p1")?,
            p2: row.try_get("p2")?,
            p3: row.try_get("p3")?,
            p4: row.try_get::<Option<String>, _>("p4")?.unwrap_or_default(),
        })
    };
    let instructions: Result<_, sqlx::Error> = rows.iter().map(instruction).collect();
    Ok(Some(instructions?))
}

/// Whether SQLite found a fault in the statement, and not in the file or a lock: its generic error.
pub(in crate::sqlite) fn is_not_compiled(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("1"))
}

//! Removal under foreign keys in any shape: cycles, references to the table itself, partitions, every action.

use std::fmt::Write as _;

use crate::postgres::support::removal_server::{open, remove, rows};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;

const TABLES: usize = 5;
const ROWS: u64 = 6;
const NAMES: [&str; TABLES] = ["t0", "t1", "t2", "t3", "t4"];

/// Numbers that are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        let count = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.below(count)).unwrap()]
    }
}

/// From and to which table each foreign key goes. The number of a key names its column.
fn graph(numbers: &mut Numbers) -> Vec<(usize, usize)> {
    let mut table = || usize::try_from(numbers.below(5)).unwrap();
    // Each table is on a cycle, so that no order of single deletions is allowed.
    let cycle = (0..TABLES).map(|from| (from, (from + 1) % TABLES));
    cycle.chain((0..4).map(|_| (table(), table()))).collect()
}

fn tables_sql(numbers: &mut Numbers, keys: &[(usize, usize)]) -> String {
    let mut sql = String::new();
    for (from, name) in NAMES.iter().enumerate() {
        let columns: String = keys
            .iter()
            .enumerate()
            .filter(|(_, key)| key.0 == from)
            .map(|(number, _)| format!("r{number} int, "))
            .collect();
        let partitions = if numbers.below(3) == 0 {
            format!(
                " partition by list (tenant_id); create table {name}_acme partition of {name} for values in ('acme');
                create table {name}_others partition of {name} default"
            )
        } else {
            String::new()
        };
        let table = format!("(tenant_id text not null, id int, {columns}primary key (tenant_id, id))");
        writeln!(sql, "create table {name} {table}{partitions};").unwrap();
    }
    for (number, (from, to)) in keys.iter().enumerate() {
        let cleared = format!("set null (r{number})");
        let action = numbers.one_of(&["no action", "restrict", "cascade", "set null", "set default", &cleared]);
        let check = numbers.one_of(&["", "deferrable", "deferrable initially deferred"]);
        writeln!(
            sql,
            "alter table {} add foreign key (tenant_id, r{number}) references {} on delete {action} {check};",
            NAMES[*from], NAMES[*to]
        )
        .unwrap();
    }
    sql
}

fn rows_sql(numbers: &mut Numbers, keys: &[(usize, usize)]) -> String {
    let mut sql = String::new();
    for tenant in ["acme", "globex"] {
        for name in NAMES {
            writeln!(
                sql,
                "insert into {name} (tenant_id, id) select '{tenant}', generate_series(1, {ROWS});"
            )
            .unwrap();
        }
        for (number, (from, _)) in keys.iter().enumerate() {
            for id in 1..=ROWS {
                let other = numbers.below(ROWS) + 1;
                let table = NAMES[*from];
                writeln!(
                    sql,
                    "update {table} set r{number} = {other} where tenant_id = '{tenant}' and id = {id};"
                )
                .unwrap();
            }
        }
    }
    sql
}

#[tokio::test]
async fn no_graph_of_foreign_keys_holds_a_removal_up() {
    for seed in 1..=12_u64 {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let database = TestDatabase::new().await;
        let keys = graph(&mut numbers);
        let sql = tables_sql(&mut numbers, &keys);
        let db = open(&database, &NAMES, &sql).await;
        run(&mut database.connect().await, rows_sql(&mut numbers, &keys)).await;
        let others = rows(&database, &NAMES, "globex").await;
        let removed = remove(&db, "acme").await;
        assert!(removed.is_ok(), "seed {seed}: {removed:?}\n{sql}");
        assert_eq!(rows(&database, &NAMES, "acme").await, [""; 0], "seed {seed}");
        assert_eq!(rows(&database, &NAMES, "globex").await, others, "seed {seed}");
    }
}

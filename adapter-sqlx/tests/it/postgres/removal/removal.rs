//! The removal of a tenant's rows: all of them, or an error that names what is left.

use crate::across::AcrossTenants as _;
use crate::postgres::support::removal_server::{open, remove, rows, seed_both};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;

/// Tables with a trigger or a rule that works on their deletion, and rows of `acme` and `globex` in them.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) tables: &'static [&'static str],
    pub(super) sql: &'static str,
    /// Run for each tenant; `TENANT` is its id.
    pub(super) rows: &'static str,
}

pub(super) const NOTES: &[&str] = &["notes"];
pub(super) const BOTH: &[&str] = &["notes", "replies"];
const NOTES_AND_LOG: &[&str] = &["log", "notes"];
pub(super) const INSERT_NOTE: &str = "insert into notes values ('TENANT', 1), ('TENANT', 2)";
pub(super) const INSERT_BOTH: &str = "insert into notes values ('TENANT', 1); insert into replies values ('TENANT', 1)";

/// What is removed in the end.
const REMOVED: &[Case] = &[
    Case {
        name: "the first deletion only marks a row",
        tables: NOTES,
        sql: "create table notes (tenant_id text, id int, gone boolean not null default false, primary key (tenant_id, id));
            create function mark() returns trigger language plpgsql as $$ begin
                if old.gone then return old; end if;
                update notes set gone = true where tenant_id = old.tenant_id and id = old.id; return null;
            end $$;
            create trigger mark before delete on notes for each row execute function mark()",
        rows: INSERT_NOTE,
    },
    Case {
        name: "the first deletion only marks a row that refers to another",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, gone boolean not null default false,
                foreign key (tenant_id, note) references notes);
            create function mark() returns trigger language plpgsql as $$ begin
                if old.gone then return old; end if;
                update replies set gone = true where tenant_id = old.tenant_id and note = old.note; return null;
            end $$;
            create trigger mark before delete on replies for each row execute function mark()",
        rows: INSERT_BOTH,
    },
    Case {
        name: "a deletion is logged in a declared table",
        tables: NOTES_AND_LOG,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table log (tenant_id text not null, id int);
            create function log() returns trigger language plpgsql as $$ begin
                insert into log values (old.tenant_id, old.id); return old;
            end $$;
            create trigger log after delete on notes for each row execute function log()",
        rows: INSERT_NOTE,
    },
    Case {
        name: "a deletion is logged by a deferred trigger, under the tenant that is bound",
        tables: NOTES_AND_LOG,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table log (tenant_id text not null, id int);
            create function log() returns trigger language plpgsql as $$ begin
                insert into log (id) values (old.id); return old;
            end $$;
            create constraint trigger log after delete on notes deferrable initially deferred
                for each row execute function log()",
        rows: INSERT_NOTE,
    },
    Case {
        name: "a trigger deletes what refers to its row",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, primary key (tenant_id, note),
                foreign key (tenant_id, note) references notes);
            create function sweep() returns trigger language plpgsql as $$ begin
                delete from replies where tenant_id = old.tenant_id and note = old.id; return old;
            end $$;
            create trigger sweep before delete on notes for each row execute function sweep()",
        rows: INSERT_BOTH,
    },
    Case {
        name: "triggers of two tables that refer to each other write the other table",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, replies int not null default 1, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, seen int not null default 0, primary key (tenant_id, note),
                foreign key (tenant_id, note) references notes);
            create function counted() returns trigger language plpgsql as $$ begin
                update notes set replies = replies - 1 where tenant_id = old.tenant_id and id = old.note; return old;
            end $$;
            create function seen() returns trigger language plpgsql as $$ begin
                update replies set seen = seen + 1 where tenant_id = old.tenant_id and note = old.id; return old;
            end $$;
            create trigger counted before delete on replies for each row execute function counted();
            create trigger seen before delete on notes for each row execute function seen()",
        rows: INSERT_BOTH,
    },
    Case {
        name: "a trigger refuses while there are replies",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, primary key (tenant_id, note));
            create function unanswered() returns trigger language plpgsql as $$ begin
                if exists (select from replies where tenant_id = old.tenant_id and note = old.id) then
                    raise exception 'a note with replies';
                end if;
                return old;
            end $$;
            create trigger unanswered before delete on notes for each row execute function unanswered()",
        rows: INSERT_BOTH,
    },
    Case {
        name: "a rule does something besides",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, primary key (tenant_id, note));
            create rule besides as on delete to replies do also select 1",
        rows: INSERT_BOTH,
    },
    Case {
        name: "rows are in partitions and in children",
        tables: BOTH,
        sql: "create table notes (tenant_id text, id int, primary key (tenant_id, id)) partition by list (tenant_id);
            create schema parts;
            create table parts.acme partition of notes for values in ('acme');
            create table parts.others partition of notes default;
            create table replies (tenant_id text, note int, foreign key (tenant_id, note) references notes);
            create table child () inherits (replies)",
        rows: "insert into notes values ('TENANT', 1), ('TENANT', 2); insert into replies values ('TENANT', 1);
            insert into child values ('TENANT', 2)",
    },
    Case {
        name: "names are odd",
        tables: &["Odd \"notes\"", "sel;ect"],
        sql: "create table \"Odd \"\"notes\"\"\" (tenant_id text, id int, primary key (tenant_id, id));
            create table \"sel;ect\" (tenant_id text, id int, foreign key (tenant_id, id) references \"Odd \"\"notes\"\"\")",
        rows: "insert into \"Odd \"\"notes\"\"\" values ('TENANT', 1); insert into \"sel;ect\" values ('TENANT', 1)",
    },
    Case {
        name: "two tables refer to each other",
        tables: &["teams", "users"],
        sql: TEAMS_AND_USERS,
        rows: INSERT_TEAMS_AND_USERS,
    },
    Case {
        name: "two tables refer to each other by keys that restrict, and to themselves",
        tables: &["teams", "users"],
        sql: "create table teams (tenant_id text, id int, owner int not null, primary key (tenant_id, id));
            create table users (tenant_id text, id int, team int, boss int, primary key (tenant_id, id),
                foreign key (tenant_id, team) references teams on delete restrict,
                foreign key (tenant_id, boss) references users on delete restrict);
            alter table teams add foreign key (tenant_id, owner) references users on delete restrict
                deferrable initially deferred",
        rows: INSERT_TEAMS_AND_USERS,
    },
    Case {
        name: "references are set to null, the tenant too",
        tables: &["teams", "users"],
        sql: "create table teams (tenant_id text not null, id int, owner int, primary key (tenant_id, id));
            create table users (tenant_id text not null, id int, team int, primary key (tenant_id, id),
                foreign key (tenant_id, team) references teams on delete set null);
            alter table teams add foreign key (tenant_id, owner) references users on delete set default
                deferrable initially deferred",
        rows: INSERT_TEAMS_AND_USERS,
    },
    Case {
        name: "a cycle beside triggers that allow no single statement",
        tables: &["notes", "replies", "teams", "users"],
        sql: "create table teams (tenant_id text, id int, owner int not null, primary key (tenant_id, id));
            create table users (tenant_id text, id int, team int not null, primary key (tenant_id, id),
                foreign key (tenant_id, team) references teams);
            create table notes (tenant_id text, id int, replies int not null default 1, primary key (tenant_id, id));
            create table replies (tenant_id text, note int, seen int not null default 0, primary key (tenant_id, note),
                foreign key (tenant_id, note) references notes);
            create function counted() returns trigger language plpgsql as $$ begin
                update notes set replies = replies - 1 where tenant_id = old.tenant_id and id = old.note; return old;
            end $$;
            create function seen() returns trigger language plpgsql as $$ begin
                update replies set seen = seen + 1 where tenant_id = old.tenant_id and note = old.id; return old;
            end $$;
            create trigger counted before delete on replies for each row execute function counted();
            create trigger seen before delete on notes for each row execute function seen();
            insert into teams values ('acme', 1, 1), ('globex', 1, 1); insert into users values ('acme', 1, 1), ('globex', 1, 1);
            alter table teams add foreign key (tenant_id, owner) references users",
        rows: INSERT_BOTH,
    },
];

const TEAMS_AND_USERS: &str = "
    create table teams (tenant_id text, id int, owner int not null, primary key (tenant_id, id));
    create table users (tenant_id text, id int, team int, primary key (tenant_id, id),
        foreign key (tenant_id, team) references teams);
    alter table teams add foreign key (tenant_id, owner) references users deferrable initially deferred";

const INSERT_TEAMS_AND_USERS: &str = "begin; insert into teams values ('TENANT', 1, 1), ('TENANT', 2, 2);
    insert into users values ('TENANT', 1, 2), ('TENANT', 2, 1); commit";

#[tokio::test]
async fn removal_ends_when_nothing_is_left() {
    for Case {
        name,
        tables,
        sql,
        rows: insert,
    } in REMOVED
    {
        let database = TestDatabase::new().await;
        let db = open(&database, tables, sql).await;
        seed_both(&mut database.connect().await, insert).await;
        let quoted: Vec<String> = tables
            .iter()
            .map(|table| format!("\"{}\"", table.replace('"', "\"\"")))
            .collect();
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        let others = rows(&database, &quoted, "globex").await;
        assert!(!others.is_empty(), "{name}");
        for _ in 0..2 {
            let removed = remove(&db, "acme").await;
            assert!(removed.is_ok(), "{name}: {removed:?}");
            assert_eq!(rows(&database, &quoted, "acme").await, [""; 0], "{name}");
        }
        assert_eq!(rows(&database, &quoted, "globex").await, others, "{name}");
    }
}

/// What a session did before, across tenants, is not what the removal runs under.
#[tokio::test]
async fn a_removal_begins_in_a_clean_session() {
    let database = TestDatabase::new().await;
    let sql = "create table notes (tenant_id text, id int, primary key (tenant_id, id))";
    let db = open(&database, NOTES, sql).await;
    seed_both(&mut database.connect().await, INSERT_NOTE).await;
    for _ in 0..2 {
        let mut tx = db.across_tenants().await.unwrap();
        run(
            &mut tx,
            "set search_path = nowhere; set session characteristics as transaction read only",
        )
        .await;
        tx.commit().await.unwrap();
    }
    remove(&db, "acme").await.unwrap();
    assert_eq!(rows(&database, NOTES, "acme").await, [""; 0]);
}

/// One statement for all tables, and one count.
#[tokio::test]
async fn hundreds_of_tables_are_emptied() {
    const COUNT: usize = 300;
    let database = TestDatabase::new().await;
    let names: Vec<String> = (0..COUNT).map(|number| format!("t{number}")).collect();
    let mut administrator = database.connect().await;
    for chunk in names.chunks(100) {
        let sql: Vec<String> = chunk
            .iter()
            .map(|name| {
                format!(
                    "create table {name} (tenant_id text primary key); insert into {name} values ('acme'), ('globex')"
                )
            })
            .collect();
        run(&mut administrator, sql.join("; ")).await;
    }
    // A cycle through all of them.
    for (index, chunk) in names.chunks(100).enumerate() {
        let key = |(offset, name): (usize, &String)| {
            let next = (index * 100 + offset + 1) % COUNT;
            format!("alter table {name} add foreign key (tenant_id) references t{next}")
        };
        let sql: Vec<String> = chunk.iter().enumerate().map(key).collect();
        run(&mut administrator, sql.join("; ")).await;
    }
    let tables: Vec<&str> = names.iter().map(String::as_str).collect();
    let db = open(&database, &tables, "select 1").await;
    remove(&db, "acme").await.unwrap();
    let left = rows(&database, &["t0", "t150", "t299"], "acme").await;
    assert_eq!(left, [""; 0]);
    assert_eq!(rows(&database, &["t0", "t150", "t299"], "globex").await.len(), 3);
}

//! Migrations whose text shows that they stay in the tenant's schema.
//!
//! To look what a migration has changed outside means to read the catalogs, and these grow with each tenant: the migrations of all
//! tenants would take longer for each of them, the more there are. Most migrations make and alter tables by names without a schema.
//! Where the tenant's schema alone is searched, such a name is the tenant's or nobody's.

use crate::statement::{Statement, Token, begins_with, statements};

/// What a plain statement begins with.
const PLAIN: [&[&str]; 6] = [
    &["create", "table"],
    &["create", "index"],
    &["create", "unique", "index"],
    &["alter", "table"],
    &["drop", "table"],
    &["drop", "index"],
];

/// Words of such statements that reach further: what depends on a table may be anywhere, and what moves goes elsewhere.
const REACHES: [&str; 6] = ["cascade", "schema", "tablespace", "all", "execute", "select"];

/// Whether each statement of the migration is plain: it is about tables and indexes that it names without a schema, and calls nothing
/// that runs other statements.
///
/// A name with a dot is not plain, whatever stands before the dot, and neither is a call of a function that is not known: it may name a
/// relation in a string, as in `nextval('…')`.
pub(in crate::postgres::tenant_schema) fn is_plain(sql: &str) -> bool {
    statements(sql).iter().all(is_plain_statement)
}

fn is_plain_statement(statement: &Statement) -> bool {
    let reaches = |token: &Token| matches!(token, Token::Symbol('.')) || REACHES.iter().any(|word| token.is(word));
    PLAIN.iter().any(|words| begins_with(statement, words)) && !statement.iter().any(reaches) && !calls(statement)
}

/// Functions and types that PostgreSQL has of its own, and columns of keys: words that stand before a parenthesis, and run nothing of
/// anybody's.
const KNOWN: [&str; 31] = [
    "add",
    "bit",
    "bpchar",
    "by",
    "char",
    "character",
    "check",
    "coalesce",
    "column",
    "decimal",
    "default",
    "exists",
    "foreign",
    "gen_random_uuid",
    "hash",
    "in",
    "include",
    "key",
    "length",
    "list",
    "lower",
    "now",
    "numeric",
    "range",
    "time",
    "timestamp",
    "unique",
    "upper",
    "using",
    "varchar",
    "with",
];

/// Whether something else than what is known stands before a parenthesis, and is not the name of the table or index that the statement
/// is about.
fn calls(statement: &Statement) -> bool {
    let is_named = |place: usize| {
        // `create table NAME (`, `create index NAME on NAME (`, `references NAME (`, `constraint NAME check (`.
        let before = place.checked_sub(1).and_then(|before| statement.get(before));
        before.is_some_and(|token| {
            [
                "table",
                "exists",
                "on",
                "only",
                "references",
                "index",
                "btree",
                "gin",
                "gist",
                "brin",
            ]
            .iter()
            .any(|word| token.is(word))
        })
    };
    statement.windows(2).enumerate().any(|(place, pair)| match pair {
        [token, Token::Symbol('(')] => match token {
            Token::Word(word) => {
                let is_method = ["btree", "gin", "gist", "brin"].contains(&word.as_str());
                !(KNOWN.contains(&word.as_str()) || is_method || is_named(place))
            }
            Token::Quoted(_) => !is_named(place),
            Token::Symbol(_) => false,
        },
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_tables_without_a_schema_is_plain() {
        for sql in [
            "create table notes (id bigint generated always as identity primary key, name text not null unique, body varchar(20))",
            "create table if not exists \"Odd name\" (id numeric(10, 2) check (id > 0), at timestamptz default now());",
            "-- public.notes is another one\nalter table notes add column title text, drop column body",
            "create unique index notes_title on notes using btree (title) where title is not null",
            "create index concurrently on notes (lower(title))",
            "alter table only notes add constraint one foreign key (other) references others (id) on delete set null",
            "drop table drafts; drop index if exists notes_title",
            "",
        ] {
            assert!(is_plain(sql), "{sql}");
        }
    }

    #[test]
    fn what_may_reach_further_is_not() {
        for sql in [
            "create table public.shared (id bigint)",
            "create table shared (like public.notes)",
            "create table copies as select * from notes",
            "alter table notes set schema public",
            "alter table all in tablespace a set tablespace b",
            "alter table notes add foreign key (other) references public . others (id)",
            "drop table notes cascade",
            "create table notes (id bigint default next_of_all())",
            "create table notes (id bigint default \"next_of_all\"())",
            "alter table notes add column id bigint default nextval('public.numbers')",
            "create view shown as table notes",
            "insert into notes values (1)",
            "do $$ begin create table public.a (); end $$",
            "create function f() returns int language sql as 'select 1'",
            "create table a (); grant all on a to b",
            "set search_path = public; create table a ()",
            "create temporary table a ()",
            "select 1",
        ] {
            assert!(!is_plain(sql), "{sql}");
        }
    }
}

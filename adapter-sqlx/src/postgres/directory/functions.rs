//! The functions of the directory that run as its owner: by them a process that only serves redeems a grant of impersonation.

use sqlx::PgConnection;

/// The migration that makes them.
pub(super) const MIGRATION: &str = include_str!("../../../migrations/directory/postgres/0012_impersonations.sql");

/// Their names, with what they take, in the order in which the migration makes them. Each needs a secret, or a grant's id.
pub(super) const FUNCTIONS: [&str; 3] = [
    "tenancy_redeem_impersonation(text, text)",
    "tenancy_impersonation_session(text)",
    "tenancy_impersonation_lasts(text)",
];

/// The functions that are there, and are as this version makes them: they run as their owner, find nothing but the directory's tables
/// and show no tenant's rows.
pub(in crate::postgres) async fn functions_as_made(tx: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let sql = "select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_proc p
        join rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) as made(name, body) on p.proname = made.name and p.prosrc = made.body
        where p.prosecdef
            and p.proconfig = array[pg_catalog.format('search_path=pg_catalog, %s, pg_temp', p.pronamespace::pg_catalog.regnamespace)]";
    let names = FUNCTIONS.map(|function| function.split('(').next().unwrap_or_default());
    let made = sqlx::query_scalar(sql).persistent(false);
    made.bind(names.as_slice()).bind(bodies()).fetch_all(tx).await
}

/// What stands between the dollars of the migration.
fn bodies() -> Vec<&'static str> {
    MIGRATION.split("$$").skip(1).step_by(2).take(FUNCTIONS.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_its_body() {
        let before = MIGRATION.split("$$").step_by(2);
        for (function, (before, body)) in FUNCTIONS.iter().zip(before.zip(bodies())) {
            let name = function.split('(').next().unwrap();
            assert!(
                before.rsplit("create function ").next().unwrap().starts_with(name),
                "{function}"
            );
            assert!(body.contains("tenancy_impersonations"), "{function}");
        }
    }
}

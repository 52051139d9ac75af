//! What one statement tells of the whole catalog.

use sqlx::PgConnection;

use super::asking::findings_of;
use super::check::{Answer, Check, Question};
use super::role::setting;
use super::table::{citus, columns, shared};
use super::{CHECKS, PgFault, PgFinding, Viewer, indexes};
use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;

/// What is another question on a cluster: row-level security is not forced there, and no policy is restrictive.
const SINGLE_SERVER: [PgFault; 2] = [PgFault::RowSecurityNotForced, PgFault::PolicyForOthers];

/// Whether a role of the application is the one that administers: the role that verifies as the administrator, or one
/// that serves and owns the database or a declared table, or is a superuser. What it has too much of, it has as that.
const WRONG_ROLE: Question = Question {
    sql: "
select exists (select from pg_roles r where r.rolname = any ($10)
    and case when $11 then r.rolname in (session_user, current_user)
        else r.rolsuper or r.oid in (select datdba from pg_database where datname = current_database())
            or exists (select from declared d where d.relowner = r.oid) end)",
    columns: 1,
};

/// The questions that are no checks.
const OTHERS: [Question; 6] = [
    WRONG_ROLE,
    citus::HAS_CLUSTER,
    columns::UNEQUAL,
    setting::PRESETS,
    shared::WRITABLE,
    indexes::UNUSABLE,
];

pub(super) struct Catalog {
    /// What the checks found, in their order.
    pub(super) findings: Vec<PgFinding>,
    pub(super) is_wrong_role: bool,
    /// Whether the database has the catalog of a Citus cluster.
    pub(super) has_cluster: bool,
    pub(super) collations: Vec<PgFinding>,
    pub(super) presets: Vec<PgFinding>,
    pub(super) shared_tables: Vec<Answer>,
    pub(super) indexes: Vec<Answer>,
}

impl PgRowTables {
    pub(super) async fn catalog(&self, tx: &mut PgConnection, viewer: Viewer) -> Result<Catalog, StrategyError> {
        let checks = self.checks();
        let mut questions = OTHERS.to_vec();
        questions.extend(checks.iter().map(|check| check.question()));
        let answers = self.ask_all(tx, viewer, &questions).await?;
        let [
            wrong_role,
            has_cluster,
            collations,
            presets,
            shared_tables,
            indexes,
            of_checks @ ..,
        ] = answers.as_slice()
        else {
            return Err(sqlx::Error::RowNotFound.into());
        };
        Ok(Catalog {
            findings: findings_of(&checks, of_checks),
            is_wrong_role: is_true(wrong_role),
            has_cluster: is_true(has_cluster),
            collations: self.collations(collations),
            presets: setting::presets(presets),
            shared_tables: shared_tables.clone(),
            indexes: indexes.clone(),
        })
    }

    /// Those that hold here.
    fn checks(&self) -> Vec<&'static Check> {
        let holds = |check: &&Check| !self.is_on_citus() || !SINGLE_SERVER.contains(&check.fault);
        CHECKS.iter().copied().flatten().filter(holds).collect()
    }
}

fn is_true(answers: &[Answer]) -> bool {
    answers.iter().any(|answer| answer.is_true(0))
}

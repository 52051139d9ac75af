//! How all questions to the catalog are asked in one statement.
//!
//! A statement of its own for each would be parsed and planned with all of [`RELATIONS`] each time, which takes longer
//! than to run it, and would compute these relations anew.

use std::fmt::Write as _;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::check::{Answer, Check, Question};
use super::relations::RELATIONS;
use super::table::keys::REBUILT;
use super::{PgFinding, Viewer};
use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::view::PgTenantView;

impl PgRowTables {
    /// The answers to each of these questions: the rows for each of the application's roles, one role after the other. What is not
    /// about a role is found for each, and is one answer.
    pub(super) async fn ask_all(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
        questions: &[Question],
    ) -> Result<Vec<Vec<Answer>>, StrategyError> {
        let sql = statement(questions);
        let mut answers = vec![Vec::new(); questions.len()];
        for application in self.applications() {
            for row in self.ask_about(tx, viewer, &sql, application.as_str()).await? {
                let number = usize::try_from(row.try_get::<i32, _>(0)?).map_err(StrategyError::other)?;
                let known = answers.get_mut(number).ok_or(sqlx::Error::RowNotFound)?;
                let answer = Answer::new(row.try_get(1)?);
                if !known.contains(&answer) {
                    known.push(answer);
                }
            }
        }
        Ok(answers)
    }

    /// The findings of these checks, in their order.
    pub(super) async fn ask(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
        checks: &[&Check],
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let questions: Vec<Question> = checks.iter().map(|check| check.question()).collect();
        let answers = self.ask_all(tx, viewer, &questions).await?;
        Ok(findings_of(checks, &answers))
    }

    async fn ask_about(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
        sql: &str,
        application: &str,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let applications: Vec<&str> = self.applications().iter().map(|role| role.as_str()).collect();
        let rights: Vec<String> = self.tables().iter().map(|table| table.grants().to_string()).collect();
        // Nobody asks this again on the connection.
        sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.names(PgTenantTable::tenant_column))
            .bind(application)
            .bind(self.administrator().as_str())
            .bind(rights)
            .bind(self.view_names(PgTenantView::schema))
            .bind(self.view_names(PgTenantView::name))
            .bind(self.setting().as_str())
            .bind(applications)
            .bind(viewer == Viewer::Administrator)
            .fetch_all(tx)
            .await
    }
}

/// The findings of these checks by their answers. What several roles find of one object is one finding.
pub(super) fn findings_of(checks: &[&Check], answers: &[Vec<Answer>]) -> Vec<PgFinding> {
    let mut findings = Vec::new();
    for (check, answers) in checks.iter().zip(answers) {
        let mut of_check = Vec::new();
        for answer in answers {
            PgFinding::new(check.fault, answer.text(0), answer.text(1)).join(&mut of_check);
        }
        findings.append(&mut of_check);
    }
    findings
}

/// One statement with the rows of every answer, in order: the question's number, and its columns as texts.
///
/// All parameters are named once, so that each has a type where no question names it.
fn statement(questions: &[Question]) -> String {
    let mut sql = format!(
        "{RELATIONS}{REBUILT}
select null::int4, null::text[] where concat($4::text, $5::text, $7::text[], $8::text[], $9::text, $10::text[], $11::bool) is null"
    );
    for (number, question) in questions.iter().enumerate() {
        let names: Vec<String> = (0..question.columns).map(|column| format!("c{column}")).collect();
        let texts = names.join("::text, ");
        // Expressions of its own are local to the question.
        let query = match question.sql.trim_start().strip_prefix(',') {
            Some(expressions) => format!("with recursive {expressions}"),
            None => question.sql.to_owned(),
        };
        let names = names.join(", ");
        // Infallible: it writes into a string.
        let _ = write!(
            sql,
            "\nunion all select {number}, array[{texts}::text] from ({query}) as answer({names})"
        );
    }
    sql
}

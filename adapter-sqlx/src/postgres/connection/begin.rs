//! The text that begins a transaction.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tenancy_core::names::TenantId;

use super::commit::{MARK, MARKED};
use super::echo::Echo;
use crate::postgres::fence::enter::Enter;
use crate::postgres::fence::refusal::is_refusal;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::versions::{Requirement, is_behind};
use crate::{IsolationLevel, Mode};

/// Ends what may be open. Without a transaction, a `ROLLBACK` alone would make the server warn.
const END: &str = "begin; rollback; ";

/// Ends what is open. After an error in it nothing else is taken.
const END_OPEN: &str = "rollback; ";

/// Gives up a session's advisory locks, which belong to no transaction. It runs before the session is clean, so by names that
/// no search path changes.
const UNLOCK: &str = "select pg_catalog.pg_advisory_unlock_all()";

fn unlock(echo: &str) -> String {
    format!("{UNLOCK}, null, {echo}")
}

/// As [`unlock`], and fails if there is no such schema or the session's own role may not use it: a name that no schema
/// has stands in for one that may not be used.
///
/// It judges the role that connected, not one that an earlier transaction has set.
fn unlock_in(schema: &str, echo: &str) -> String {
    format!(
        "{UNLOCK}, (case when not pg_catalog.has_schema_privilege(\
        session_user, {schema}::pg_catalog.text, 'usage') then '\"tenancy: not provisioned\"'::pg_catalog.text end)\
        ::pg_catalog.regnamespace, {echo}"
    )
}

/// Readies a new session for [`BeginText`]: a `SELECT` is by far the most expensive statement of its message, and costs
/// less if it is prepared. Behind a pooler it is not known which session a transaction gets.
///
/// A transaction that requires no schema has a statement without the question: to make the question ready to be evaluated
/// costs a fifth of the `SELECT`, also where it is about `null`.
pub(in crate::postgres) fn prepare() -> String {
    format!(
        "prepare tenancy_unlock (text) as {}; prepare tenancy_unlock_in (text, text) as {}; ",
        unlock("$1"),
        unlock_in("$1", "$2")
    )
}

/// Clears what an earlier transaction may have left in the session.
///
/// It stands before each `BEGIN` in the same message, and not after each transaction: so it costs no
/// round trip, and holds behind a pooler, where it is not known who gets a connection that is released.
/// It is a transaction of its own, so that a `ROLLBACK` later does not bring anything back. It is not
/// `DISCARD ALL`, which would take prepared statements too, and sqlx would not know.
const RESET: &str = "begin; reset session authorization; reset all; close all; unlisten *; discard sequences; \
    discard temp; commit; ";

/// The longest name that PostgreSQL takes, in bytes.
const MAX_NAME: usize = 63;

/// Takes the transaction's snapshot, and does nothing else: the settings that follow take none, and before there is one a handler's
/// `set transaction read write` would make the transaction a writing one.
const TAKE_SNAPSHOT: &str = "close all";

/// For sessions that keep no statements prepared. sqlx names each statement even so and never closes it:
/// they would pile up, and behind a pooler two of one name would meet.
const FORGET_PREPARED: &str = "deallocate all; ";

/// One message that leaves a clean session in a transaction.
#[derive(Clone)]
pub(in crate::postgres) struct BeginText {
    mode: Mode,
    /// SQL: the name of a schema that must be there.
    schema: Option<String>,
    keeps_prepared: bool,
    uses_prepared: bool,
    begin: String,
    /// Before the settings: a search path that differs from tenant to tenant would have it planned anew each time.
    enter: Option<Enter>,
    /// Behind it, since a tenant that is not here has no version.
    requirement: Option<Requirement>,
    settings: String,
}

impl BeginText {
    pub(in crate::postgres) fn new(mode: Mode) -> Self {
        Self::at(mode, None)
    }

    /// At an isolation level; `None` is the session's default.
    pub(in crate::postgres) fn at(mode: Mode, level: Option<IsolationLevel>) -> Self {
        let (space, level) = level.map_or(("", ""), |level| (" isolation level ", level.as_str()));
        let begin = match mode {
            Mode::ReadWrite => format!("begin{space}{level} read write; set local {MARK} = '{MARKED}'"),
            Mode::ReadOnly => format!("begin{space}{level} read only; {TAKE_SNAPSHOT}"),
        };
        Self {
            mode,
            schema: None,
            keeps_prepared: true,
            uses_prepared: true,
            begin,
            enter: None,
            requirement: None,
            settings: String::new(),
        }
    }

    /// Enters a fenced database, or fails.
    pub(in crate::postgres) fn enter(self, enter: Enter) -> Self {
        Self {
            enter: Some(enter),
            ..self
        }
    }

    /// Refuses to begin if the tenant's data is behind. Without a requirement nothing is sent.
    pub(in crate::postgres) fn require(self, requirement: Option<Requirement>) -> Self {
        Self { requirement, ..self }
    }

    /// Refuses to begin if there is no such schema, or if the application may not use it, as while it is provisioned: a
    /// search path silently skips both.
    ///
    /// It is checked while no transaction is open, so that the session is idle after the error.
    pub(in crate::postgres) fn require_schema(mut self, schema: &PgIdentifier) -> Self {
        self.schema = Some(Literal(schema.as_str()).to_string());
        self
    }

    /// Drops the session's prepared statements, of which sqlx must not know any.
    pub(in crate::postgres) const fn forget_prepared(mut self) -> Self {
        self.keeps_prepared = false;
        self.uses_prepared = false;
        self
    }

    /// Rests on nothing that the session has prepared: a handler may have put something else under that name.
    pub(in crate::postgres) const fn without_prepared(mut self) -> Self {
        self.uses_prepared = false;
        self
    }

    /// Whether it may be refused while its connection is as good as before.
    pub(in crate::postgres) const fn may_be_refused(&self) -> bool {
        self.enter.is_some() || self.requirement.is_some()
    }

    /// Whether the tenant's data may be behind.
    pub(in crate::postgres) const fn has_requirement(&self) -> bool {
        self.requirement.is_some()
    }

    /// Whether this error says so: the fence has refused, or the tenant's data is behind, or nothing is known of its version. Where a
    /// schema must be there, its absence has the same code.
    pub(in crate::postgres) fn is_refused_by(&self, error: &sqlx::Error) -> bool {
        let may_be_unknown = self.requirement.is_some() && self.schema.is_none();
        self.may_be_refused() && (is_refusal(error) || may_be_unknown && is_behind(error))
    }

    pub(in crate::postgres) const fn uses_prepared(&self) -> bool {
        self.uses_prepared
    }

    /// Sets a setting until the transaction ends. Both texts are SQL already.
    pub(in crate::postgres) fn set(mut self, setting: &str, value: impl std::fmt::Display) -> Self {
        // Writing into a text does not fail.
        let _ = write!(self.settings, "; set local {setting} = {value}");
        self
    }

    /// Shows the tenant in the session's `application_name` until the transaction ends. For `None` nothing is sent.
    pub(in crate::postgres) fn name_tenant(self, tenant: Option<&TenantId>) -> Self {
        let Some(tenant) = tenant else { return self };
        let mut name = format!("tenancy:{tenant}");
        // An id is ASCII. PostgreSQL would cut it, and send a notice each time.
        name.truncate(MAX_NAME);
        self.set("application_name", Literal(&name))
    }

    /// Sets a setting until the transaction ends on the coordinator of a Citus cluster, and on its workers.
    ///
    /// # Security
    ///
    /// Citus sends the text of a `set local` to the workers as it came. That is the whole message if the statement stands
    /// in it, so it stands in a block, which sends it alone. Rows of a shard on the coordinator itself could be written
    /// without policies, unless it is reached as a worker is.
    pub(in crate::postgres) fn set_on_cluster(mut self, setting: &str, value: impl std::fmt::Display) -> Self {
        let block = format!("begin set local {setting} = {value}; end");
        let _ = write!(
            self.settings,
            "; set local citus.enable_local_execution = off; set local citus.propagate_set_commands = 'local'; do {}; \
            set local citus.propagate_set_commands = 'none'",
            Literal(&block)
        );
        self
    }

    pub(in crate::postgres) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The message for a session in which no transaction is open.
    pub(in crate::postgres) fn after_end(&self) -> SqlStr {
        self.after(END, &Echo::new())
    }

    /// The message for a session whose last transaction is open still, and what its answer holds.
    pub(in crate::postgres) fn after_open(&self) -> (SqlStr, Echo) {
        let echo = Echo::new();
        (self.after(END_OPEN, &echo), echo)
    }

    fn after(&self, end: &str, echo: &Echo) -> SqlStr {
        let Self {
            schema,
            begin,
            settings,
            ..
        } = self;
        let echo = echo.literal();
        let unlock = match (schema, self.uses_prepared) {
            (None, true) => format!("execute tenancy_unlock({echo})"),
            (None, false) => unlock(&echo),
            (Some(schema), true) => format!("execute tenancy_unlock_in({schema}, {echo})"),
            (Some(schema), false) => unlock_in(schema, &echo),
        };
        let enter = self.enter.as_ref().map_or_else(String::new, |enter| {
            format!("; {}", enter.statement(self.uses_prepared))
        });
        let require = self
            .requirement
            .as_ref()
            .map_or_else(String::new, |requirement| format!("; {}", requirement.statement()));
        let forget = if self.keeps_prepared { "" } else { FORGET_PREPARED };
        AssertSqlSafe(format!(
            "{end}{unlock}; {RESET}{forget}{begin}{enter}{require}{settings}"
        ))
        .into_sql_str()
    }
}

#[cfg(test)]
mod tests {
    use tenancy_core::directory::TenantRecord;

    use super::*;
    use crate::{Begin, Binding, Purpose};

    /// Seen on Citus 13: each other order sends the whole message to the workers, or the tenant to none of them.
    #[test]
    fn a_cluster_s_workers_are_sent_the_tenant_and_nothing_else() {
        let text = BeginText::new(Mode::ReadOnly).set_on_cluster("app.tenant_id", Literal("o'neil"));
        let sql = text.after_end();
        let (_, own) = sql
            .as_str()
            .split_once("begin read only; close all; ")
            .unwrap_or_default();
        assert_eq!(
            own,
            "set local citus.enable_local_execution = off; set local citus.propagate_set_commands = 'local'; \
            do 'begin set local app.tenant_id = ''o''''neil''; end'; set local citus.propagate_set_commands = 'none'"
        );
    }

    /// A service that does not want it sends what it has sent before.
    #[test]
    fn a_tenant_is_named_in_the_message_that_begins_where_that_is_wanted() {
        let longest = "x".repeat(63);
        let sent = |tenant: Option<&str>| {
            let tenant: Option<TenantId> = tenant.map(|tenant| tenant.parse().unwrap());
            let sql = BeginText::new(Mode::ReadOnly).name_tenant(tenant.as_ref()).after_end();
            let (_, own) = sql
                .as_str()
                .split_once("begin read only; close all")
                .unwrap_or_default();
            own.to_owned()
        };
        assert_eq!(sent(None), "");
        assert_eq!(sent(Some("acme")), "; set local application_name = 'tenancy:acme'");
        let cut = format!("; set local application_name = 'tenancy:{}'", "x".repeat(55));
        assert_eq!(sent(Some(&longest)), cut);
    }

    /// A schema that nobody requires is not looked for.
    #[test]
    fn only_a_transaction_that_requires_a_schema_looks_for_one() {
        let text = BeginText::new(Mode::ReadOnly);
        let in_schema = text.clone().require_schema(&"acme".parse().unwrap());
        let sent = |text: BeginText| {
            let sql = text.after_end();
            let (_, sent) = sql.as_str().split_once(END).unwrap_or_default();
            let (unlock, _) = sent.split_once(';').unwrap_or_default();
            unlock.to_owned()
        };
        let lean = "execute tenancy_unlock('tenancy ";
        assert!(sent(text.clone()).starts_with(lean), "{}", sent(text));
        let unprepared = sent(text.without_prepared());
        assert!(!unprepared.contains("has_schema_privilege"), "{unprepared}");
        let required = "execute tenancy_unlock_in('acme', 'tenancy ";
        assert!(sent(in_schema.clone()).starts_with(required), "{}", sent(in_schema));
        let unprepared = sent(in_schema.without_prepared());
        assert!(unprepared.contains("has_schema_privilege"), "{unprepared}");
    }

    /// A service without a minimum sends what it has sent before there was one.
    #[test]
    fn without_a_requirement_nothing_is_sent_for_it() {
        let record = TenantRecord::new("acme".parse().unwrap(), "schema".parse().unwrap());
        let text = |purpose, minimum| {
            let binding = Binding::new(&record, Begin::new(), purpose);
            let text = BeginText::new(Mode::ReadOnly).set("search_path", "acme");
            let sql = text.require(Requirement::new(&binding, minimum)).after_end();
            let (_, own) = sql
                .as_str()
                .split_once("begin read only; close all")
                .unwrap_or_default();
            own.to_owned()
        };
        assert_eq!(text(Purpose::Serve, None), "; set local search_path = acme");
        for purpose in [Purpose::Administer, Purpose::Staff] {
            assert_eq!(text(purpose, Some(7)), "; set local search_path = acme");
        }
        assert_eq!(
            text(Purpose::Serve, Some(7)),
            "; select tenancy_versions.tenancy_require('acme', 7); set local search_path = acme"
        );
    }
}

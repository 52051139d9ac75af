//! Several services on the same tables, and one that is started wrongly beside one that runs.

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Postgres};
use tenancy_sqlx::{
    PgFault, PgFinding, PgRowStrategy, PgRowTables, PgServer, PgSeverity, PgTenantTable, StrategyError,
    StrategyRegistry, TenantDb,
};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, bodies_of, migrations, seed};

/// Another service's role, which is gone with the test.
struct Other {
    database: TestDatabase,
    role: String,
}

const PASSWORD: &str = "only for tests";

/// The second is new to the service that runs.
const MIGRATIONS: &[&str] = &[NOTES, "create table made_by_other (a int)"];

impl Other {
    async fn new(attributes: &str) -> Self {
        let database = TestDatabase::new().await;
        let role = format!("{}_Other \"1", database.application_role());
        let this = Self { database, role };
        // The administrator may make no roles.
        let sql = format!("create role {} login {attributes} password '{PASSWORD}'", this.quoted());
        run(&mut this.database.superuser().await, sql).await;
        this
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.role.replace('"', "\"\""))
    }

    fn schema(&self) -> PgRowTables {
        let schema = PgRowTables::new(&self.role, self.database.administrator_role()).unwrap();
        schema.with_table(PgTenantTable::new("notes").unwrap())
    }

    async fn open(&self, schema: PgRowTables) -> Result<PgRowStrategy, StrategyError> {
        let application = self.database.application().username(&self.role);
        let options = PgRowStrategy::builder(PgServer::new(application, self.database.administrator()), schema);
        options.with_migrations(migrations(MIGRATIONS)).open().await
    }

    async fn end(self) {
        let sql = format!("drop owned by {0}; drop role {0}", self.quoted());
        run(&mut self.database.superuser().await, sql).await;
    }
}

/// The service that runs, with a row of each tenant.
async fn running(database: &TestDatabase) -> TenantDb<Postgres> {
    let row = database.row().open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    seed(&db, &["acme", "globex"]).await;
    db
}

async fn policies(database: &TestDatabase) -> Vec<String> {
    let sql = "select concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check) from pg_policies order by 1";
    sqlx::query_scalar(sql)
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap()
}

async fn tables(database: &TestDatabase) -> Vec<String> {
    let sql =
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1";
    sqlx::query_scalar(sql)
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap()
}

#[track_caller]
fn faults(opened: Result<PgRowStrategy, StrategyError>) -> Vec<PgFault> {
    match opened {
        Err(StrategyError::UnsafeDatabase(report)) => {
            let faults = report.findings().iter().map(PgFinding::fault);
            // That the operator has granted nothing to the other role is no reason.
            faults.filter(|fault| fault.severity() == PgSeverity::Unsafe).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Nothing is written before the role is judged: neither policies nor migrations.
#[tokio::test]
async fn a_service_that_is_started_wrongly_takes_nothing_away() {
    for (attributes, fault) in [
        ("superuser", PgFault::RoleBypasses),
        ("bypassrls", PgFault::RoleBypasses),
        ("createrole", PgFault::RoleManages),
        ("in role pg_read_all_data", PgFault::RoleMember),
    ] {
        let other = Other::new(attributes).await;
        let db = running(&other.database).await;
        let before = (policies(&other.database).await, tables(&other.database).await);
        assert_eq!(faults(other.open(other.schema()).await), [fault], "{attributes}");
        assert_eq!(
            (policies(&other.database).await, tables(&other.database).await),
            before,
            "{attributes}"
        );
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"], "{attributes}");
        db.close().await;
        other.end().await;
    }
}

#[tokio::test]
async fn a_role_that_is_missing_or_another_is_refused_before_anything_is_written() {
    let other = Other::new("").await;
    let db = running(&other.database).await;
    let before = (policies(&other.database).await, tables(&other.database).await);
    let administrator = other.database.administrator_role();
    let nobody = PgRowTables::new("nobody of that name", administrator).unwrap();
    let nobody = nobody.with_table(PgTenantTable::new("notes").unwrap());
    assert_eq!(faults(other.open(nobody).await), [PgFault::RoleMissing]);
    // Declared for one, and connected as another.
    let declared = other.database.schema().with_table(PgTenantTable::new("notes").unwrap());
    assert_eq!(faults(other.open(declared).await), [PgFault::ConnectionDiffers]);
    assert_eq!((policies(&other.database).await, tables(&other.database).await), before);
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
    db.close().await;
    other.end().await;
}

/// What is found after the policies are written undoes them.
#[tokio::test]
async fn a_finding_undoes_what_was_written() {
    let other = Other::new("").await;
    let db = running(&other.database).await;
    let key = "alter table notes add constraint one_body unique (body)";
    run(&mut other.database.connect().await, key).await;
    let before = policies(&other.database).await;
    assert_eq!(faults(other.open(other.schema()).await), [PgFault::KeyWithoutTenant]);
    assert_eq!(policies(&other.database).await, before);
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    db.close().await;
    other.end().await;
}

async fn bodies_as(other: &Other, tenant: &str) -> Vec<String> {
    let application = other.database.application().username(&other.role);
    let mut connection: PgConnection = application.connect().await.unwrap();
    run(&mut connection, format!("begin; set local app.tenant_id = '{tenant}'")).await;
    crate::postgres::support::server::bodies(&mut connection).await
}

/// Each starts again and again, in any order, and finds the other's role where it was.
#[tokio::test]
async fn two_services_share_tables() {
    for by_text in [false, true] {
        let other = Other::new("").await;
        let db = running(&other.database).await;
        let mut administrator = other.database.connect().await;
        if by_text {
            run(&mut administrator, other.schema().sql()).await;
        }
        let row = other.open(other.schema()).await.unwrap();
        drop(row);
        // The rights to tables that have grants already are the operator's to give.
        let report = other.schema().verify(&mut administrator).await.unwrap();
        let told: Vec<_> = report
            .findings()
            .iter()
            .map(|one| (one.fault(), one.mend().to_owned()))
            .collect();
        let mend = format!(
            "grant select, insert, update, delete on table public.notes to {}",
            other.quoted()
        );
        assert_eq!(told, [(PgFault::GrantMissing, mend.clone())]);
        run(&mut administrator, mend).await;
        for _ in 0..2 {
            assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
            assert_eq!(bodies_as(&other, "globex").await, ["of globex"]);
            assert_eq!(bodies_as(&other, "").await, [""; 0]);
            let before = policies(&other.database).await;
            let report = other.schema().verify(&mut administrator).await.unwrap();
            assert!(report.is_clean(), "{report}");
            let ours = other.database.schema().with_table(PgTenantTable::new("notes").unwrap());
            let report = ours.verify(&mut administrator).await.unwrap();
            assert!(report.is_clean(), "{report}");
            ours.apply(&mut administrator).await.unwrap();
            if by_text {
                run(&mut administrator, ours.sql()).await;
            }
            other.open(other.schema()).await.unwrap();
            assert_eq!(policies(&other.database).await, before);
        }
        // A restrictive policy that was lost comes back for both.
        run(&mut administrator, "drop policy tenancy_tenant on notes").await;
        other.open(other.schema()).await.unwrap();
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
        assert_eq!(bodies_as(&other, "globex").await, ["of globex"]);
        db.close().await;
        other.end().await;
    }
}

/// Another setting would leave the other service without its tenant.
#[tokio::test]
async fn a_policy_that_says_something_else_to_another_service_is_refused() {
    let other = Other::new("").await;
    let db = running(&other.database).await;
    let before = policies(&other.database).await;
    let schema = other.schema().with_setting("other.tenant".parse().unwrap());
    assert_eq!(faults(other.open(schema.clone()).await), [PgFault::PolicyDiffers]);
    assert_eq!(policies(&other.database).await, before);
    let text = sqlx::raw_sql(AssertSqlSafe(schema.sql()))
        .execute(&mut other.database.connect().await)
        .await;
    assert_eq!(crate::postgres::support::server::code(text), "55000");
    assert_eq!(policies(&other.database).await, before);
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    // Where no other role is in it, it is written anew.
    let declared = other.database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let declared = declared.with_setting("other.tenant".parse().unwrap());
    let options = || PgRowStrategy::builder(other.database.server(), declared.clone());
    let row = options().with_migrations(migrations(MIGRATIONS)).open().await.unwrap();
    let renamed = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    assert_eq!(bodies_of(&renamed, "acme").await, ["of acme"]);
    db.close().await;
    renamed.close().await;
    other.end().await;
}

#[tokio::test]
async fn roles_that_are_declared_together_have_the_same() {
    let other = Other::new("").await;
    let schema = other
        .schema()
        .with_application(other.database.application_role())
        .unwrap();
    let db = {
        let application = other.database.application();
        let both = PgRowStrategy::builder(
            PgServer::new(application, other.database.administrator()),
            schema.clone(),
        );
        let both = both.with_migrations(migrations(&[NOTES]));
        TenantDb::new(StrategyRegistry::new().with(both.open().await.unwrap()).unwrap())
    };
    seed(&db, &["acme", "globex"]).await;
    assert_eq!(bodies_as(&other, "acme").await, ["of acme"]);
    // Each of the roles is judged.
    let sql = format!("alter role {} bypassrls", other.quoted());
    run(&mut other.database.superuser().await, sql).await;
    let both = PgRowStrategy::builder(other.database.server(), schema);
    assert_eq!(faults(both.open().await), [PgFault::RoleBypasses]);
    db.close().await;
    other.end().await;
}

/// The restrictive policy holds for an administrator who was granted another service's role, too.
#[tokio::test]
async fn an_administrator_in_another_services_role_is_found() {
    let other = Other::new("").await;
    let db = running(&other.database).await;
    drop(other.open(other.schema()).await.unwrap());
    let administrator = other.database.administrator_role();
    // The administrator may grant no roles.
    let sql = format!("grant {} to {administrator}", other.quoted());
    run(&mut other.database.superuser().await, sql).await;
    let ours = other.database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let report = ours.verify(&mut other.database.connect().await).await.unwrap();
    let told: Vec<_> = report.findings().iter().map(PgFinding::fault).collect();
    assert_eq!(told, [PgFault::AdministratorFiltered], "{report}");
    db.close().await;
    other.end().await;
}

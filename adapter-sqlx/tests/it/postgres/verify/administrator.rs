//! An administrator who does not see every row: found, mended, and refused by all that works on rows of all tenants.

use sqlx::{ConnectOptions, Postgres};
use tenancy_sqlx::{AdoptError, PgFault, PgServer, StrategyError, TenantDb, TransactionError};

use crate::across::AcrossTenants as _;
use crate::postgres::support::removal_server::{declared, open, remove, rows, seed_both};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::TestDatabase;

const TABLES: &[&str] = &["notes", "tags"];
const SQL: &str = "create table notes (tenant_id text, id int, primary key (tenant_id, id));
    create table tags (tenant_id text, id int, primary key (tenant_id, id))";

/// What filters the administrator, and what is found of it. `APP` and `ADMIN` stand for the roles.
struct Filtered {
    by: &'static str,
    found: &'static [&'static str],
    /// Whether all that was done is undone by what mends the findings.
    mends_all: bool,
}

const FILTERED: &[Filtered] = &[
    Filtered {
        by: "grant APP to ADMIN",
        found: &[
            "tenancy_tenant on public.notes for role ADMIN",
            "tenancy_tenant on public.tags for role ADMIN",
        ],
        mends_all: true,
    },
    Filtered {
        by: "create role APP_outer; create role APP_inner; grant APP to APP_inner; grant APP_inner to APP_outer;
            grant APP_outer to ADMIN",
        found: &[
            "tenancy_tenant on public.notes for role ADMIN",
            "tenancy_tenant on public.tags for role ADMIN",
        ],
        mends_all: true,
    },
    Filtered {
        by: "create policy \"Not gone\" on notes as restrictive using (id <> 1)",
        found: &["\"Not gone\" on public.notes for role ADMIN"],
        mends_all: true,
    },
    Filtered {
        by: "create policy not_gone on tags as restrictive for delete to ADMIN using (id <> 1)",
        found: &["not_gone on public.tags for role ADMIN"],
        mends_all: true,
    },
    Filtered {
        by: "create role APP_outer; grant APP_outer to ADMIN;
            create policy not_gone on tags as restrictive for update to APP_outer using (false)",
        found: &["not_gone on public.tags for role ADMIN"],
        mends_all: true,
    },
    Filtered {
        by: "drop policy tenancy_administrator on tags",
        found: &["role ADMIN on public.tags"],
        mends_all: true,
    },
    Filtered {
        by: "alter policy tenancy_administrator on tags using (id <> 1)",
        found: &["role ADMIN on public.tags"],
        mends_all: true,
    },
    Filtered {
        by: "drop policy tenancy_administrator on tags; create policy reads on tags for select to ADMIN using (true)",
        found: &["role ADMIN on public.tags"],
        mends_all: true,
    },
    // Each connection of the administrator's becomes the application.
    Filtered {
        by: "grant APP to ADMIN; alter role ADMIN set role = 'APP'",
        found: &[
            "tenancy_tenant on public.notes for role APP",
            "tenancy_tenant on public.notes for role ADMIN",
            "tenancy_tenant on public.tags for role APP",
            "tenancy_tenant on public.tags for role ADMIN",
        ],
        mends_all: false,
    },
];

/// What looks alike and filters nobody.
const HARMLESS: &[&str] = &[
    "alter role ADMIN noinherit; grant APP to ADMIN",
    "alter role ADMIN bypassrls; grant APP to ADMIN",
    "create policy hide on notes using (id <> 1)",
    "create policy nothing on notes as restrictive to ADMIN using (true)",
    "create policy hide on notes as restrictive to APP using (id <> 1)",
    "create policy new on notes as restrictive for insert to ADMIN with check (id > 0)",
];

fn named(database: &TestDatabase, text: &str) -> String {
    text.replace("APP", database.application_role())
        .replace("ADMIN", database.administrator_role())
}

async fn across(db: &TenantDb<Postgres>) -> Result<(), StrategyError> {
    match db.across_tenants().await {
        Ok(_) => Ok(()),
        Err(TransactionError::AcrossTenants(source)) => Err(source),
        Err(other) => panic!("{other:?}"),
    }
}

async fn found(database: &TestDatabase) -> Vec<(String, String)> {
    let mut administrator = database.connect().await;
    let report = declared(database, TABLES).verify(&mut administrator).await.unwrap();
    let filtered = |finding: &&tenancy_sqlx::PgFinding| finding.fault() == PgFault::AdministratorFiltered;
    let found = report.findings().iter().filter(filtered);
    found
        .map(|finding| (finding.object().to_owned(), finding.mend().to_owned()))
        .collect()
}

async fn drop_more_roles(database: &TestDatabase) {
    let sql = "reset role; drop policy if exists not_gone on tags; drop role if exists APP_outer, APP_inner";
    run(&mut database.superuser().await, named(database, sql)).await;
}

#[tokio::test]
async fn an_administrator_who_is_filtered_is_found_refused_and_mended() {
    for Filtered {
        by,
        found: expected,
        mends_all,
    } in FILTERED
    {
        let database = TestDatabase::new().await;
        let db = open(&database, TABLES, SQL).await;
        let row = "insert into notes values ('TENANT', 1); insert into tags values ('TENANT', 1)";
        seed_both(&mut database.connect().await, row).await;
        // Grants roles, which an ordinary owner may not.
        run(&mut database.superuser().await, named(&database, by)).await;

        let told = found(&database).await;
        let objects: Vec<&str> = told.iter().map(|(object, _)| object.as_str()).collect();
        let expected: Vec<String> = expected.iter().map(|object| named(&database, object)).collect();
        assert_eq!(objects, expected, "{by}");
        for refused in [remove(&db, "acme").await, across(&db).await] {
            let Err(StrategyError::AdministratorFiltered { table, .. }) = refused else {
                panic!("{by}: {refused:?}")
            };
            assert!(expected[0].contains(&table), "{by}: {table}");
        }
        let adopted = declared(&database, TABLES)
            .adopt(&"acme".parse().unwrap(), &mut database.connect().await)
            .await;
        assert!(
            matches!(adopted, Err(AdoptError::AdministratorFiltered { .. })),
            "{by}: {adopted:?}"
        );
        assert_eq!(rows(&database, TABLES, "acme").await.len(), 2, "{by}");

        if *mends_all {
            for (_, mend) in told {
                run(&mut database.superuser().await, mend).await;
            }
            assert_eq!(found(&database).await, [], "{by}");
            across(&db).await.unwrap();
            remove(&db, "acme").await.unwrap();
            assert_eq!(rows(&database, TABLES, "acme").await, [""; 0], "{by}");
        }
        drop_more_roles(&database).await;
    }
}

#[tokio::test]
async fn what_filters_nobody_is_no_finding() {
    for by in HARMLESS {
        let database = TestDatabase::new().await;
        let db = open(&database, TABLES, SQL).await;
        seed_both(&mut database.connect().await, "insert into notes values ('TENANT', 1)").await;
        run(&mut database.superuser().await, named(&database, by)).await;
        assert_eq!(found(&database).await, [], "{by}");
        across(&db).await.unwrap();
        remove(&db, "acme").await.unwrap();
        assert_eq!(rows(&database, TABLES, "acme").await, [""; 0], "{by}");
    }
}

/// The connection's role is asked about, in the transaction that would be filtered.
#[tokio::test]
async fn the_error_names_the_role_the_table_and_the_policy() {
    let database = TestDatabase::new().await;
    let db = open(&database, TABLES, SQL).await;
    run(&mut database.superuser().await, named(&database, "grant APP to ADMIN")).await;
    let error = remove(&db, "acme").await.unwrap_err().to_string();
    let expected = "the policy tenancy_tenant may hide rows of public.notes from the administrator ADMIN";
    assert_eq!(error, named(&database, expected));
}

/// What is declared for one role does not hold for another that administers.
#[tokio::test]
async fn another_administrator_than_declared_is_a_finding() {
    let database = TestDatabase::new().await;
    let schema = declared(&database, &["notes"]);
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "create table notes (tenant_id text, id int, primary key (tenant_id, id))",
    )
    .await;
    // A superuser, who sees everything, but is not who was declared.
    let url: sqlx::postgres::PgConnectOptions = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
    let administrator = url.database(database.administrator().get_database().unwrap());
    let opened =
        tenancy_sqlx::PgRowStrategy::builder(PgServer::new(database.application(), administrator.clone()), schema)
            .open()
            .await;
    let Err(StrategyError::UnsafeDatabase(report)) = opened else {
        panic!("{opened:?}")
    };
    let faults: Vec<PgFault> = report.findings().iter().map(tenancy_sqlx::PgFinding::fault).collect();
    assert_eq!(faults, [PgFault::AdministratorDiffers]);
    drop(administrator.connect().await.unwrap());
}

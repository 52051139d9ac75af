//! Rows, rights, roles and types that are in an adoption's way are refused by name.

use tenancy_sqlx::{AdoptError, PgRowTables, PgTenantColumn, PgTenantTable};

use crate::postgres::adoption::before_and_after::{adopt, before, declared, texts};
use crate::postgres::support::schema_server::run;

/// Of a check of the tenant's column, and of a key that has no room for the column.
#[tokio::test]
async fn rows_that_a_check_or_a_key_does_not_take_are_named() {
    for (sql, object, reason) in [
        (
            "create table a (id int, tenant_id text, constraint known check (tenant_id = 'globex')); insert into a values (1)",
            "known on a",
            "do not satisfy",
        ),
        (
            "create table a (id text, constraint long unique (id));
            insert into a select string_agg(md5(n::text), '') from generate_series(1, 84) as n",
            "long on a",
            "too long",
        ),
    ] {
        let database = before(sql).await;
        match adopt(&database, &declared(&database, &["a"])).await {
            Err(AdoptError::Refused {
                object: named,
                reason: given,
                ..
            }) => {
                assert_eq!(named, object);
                assert!(given.contains(reason), "{given}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The owner of a table may alter it, and needs rights to the schema and the tablespace to make an index.
#[tokio::test]
async fn rights_that_new_keys_need_are_named() {
    let database = before("").await;
    // The owner of the schemas and of the tablespace is another role.
    let mut superuser = database.superuser().await;
    let space = database.named("DATABASE_owned");
    let sql = "set allow_in_place_tablespaces = on; create schema fixed; create schema \"Other\";
        create table fixed.a (id int primary key, code text); create table fixed.plain (id int);
        create table \"Other\".a (id int);
        alter table fixed.a owner to ADMIN; alter table fixed.plain owner to ADMIN; alter table \"Other\".a owner to ADMIN;
        grant usage on schema fixed, \"Other\" to ADMIN";
    run(&mut superuser, database.named(sql)).await;
    run(&mut superuser, format!("create tablespace {space} location ''")).await;
    run(
        &mut superuser,
        format!("create unique index codes on fixed.a (code) tablespace {space}"),
    )
    .await;
    let table = |schema: &str, name: &str| PgTenantTable::new(name).unwrap().with_schema(schema).unwrap();
    // No key is made of a table without one.
    let tables = [table("fixed", "a"), table("fixed", "plain"), table("Other", "a")];
    let tables = tables.into_iter().fold(database.schema(), PgRowTables::with_table);
    let refused = adopt(&database, &tables)
        .await
        .map(|_| ())
        .map_err(|error| error.to_string());
    let owner = database.administrator_role();
    let rights = format!("grant create on schema fixed to {owner}; grant create on tablespace {space} to {owner}");
    run(&mut superuser, rights).await;
    let then = adopt(&database, &tables).await;
    let shape = texts(
        &mut superuser,
        "select spcname::text from pg_class c join pg_tablespace s on s.oid = c.reltablespace
        where relname = 'codes'",
    )
    .await;
    run(&mut superuser, "drop schema fixed cascade").await;
    run(&mut superuser, format!("drop tablespace {space}")).await;
    let expected = format!(
        "failed to adopt the schema fixed: {owner} lacks the right to make keys in it anew: `grant create on schema fixed \
        to {owner}`\nthe tablespace {space}: {owner} lacks the right to make keys in it anew: `grant create on tablespace \
        {space} to {owner}`"
    );
    assert_eq!(refused, Err(expected));
    then.unwrap();
    assert_eq!(shape, [space]);
}

#[tokio::test]
async fn roles_that_are_not_there_are_named() {
    let database = before("create table a (id int primary key)").await;
    let tables = PgRowTables::new("tenancy_test_No_app", "tenancy_test_no_admin").unwrap();
    let tables = tables.with_application(database.application_role()).unwrap();
    let tables = tables.with_table(PgTenantTable::new("a").unwrap());
    let refused = adopt(&database, &tables).await.unwrap_err().to_string();
    let expected = "failed to adopt the role \"tenancy_test_No_app\": there is no such role: create it, or name another
the role tenancy_test_no_admin: there is no such role: create it, or name another";
    assert_eq!(refused, expected);
}

/// A foreign key cannot pair the tenants' columns then.
#[tokio::test]
async fn tenant_columns_of_types_that_cannot_be_compared_are_refused() {
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".parse().unwrap();
    let database =
        before("create table a (id int primary key); create table b (id int primary key, a int references a)").await;
    let b = PgTenantTable::new("b")
        .unwrap()
        .with_tenant_column("org_id", PgTenantColumn::Uuid)
        .unwrap();
    let tables = declared(&database, &["a"]).with_table(b);
    let refused = tables.adopt(&id, &mut database.connect().await).await.unwrap_err();
    let expected = "failed to adopt b_a_fkey on public.b: the tenant's column is uuid in its own table, and text in public.a: \
        declare columns of one type";
    assert_eq!(refused.to_string(), expected);
    // Types that can be compared are no obstacle.
    let id = "7".parse().unwrap();
    let database = before("create table a (id int primary key, org_id bigint); create table b (id int primary key, org_id int, a int references a)").await;
    let of = |name: &str, column: PgTenantColumn| {
        PgTenantTable::new(name)
            .unwrap()
            .with_tenant_column("org_id", column)
            .unwrap()
    };
    let tables = database
        .schema()
        .with_table(of("a", PgTenantColumn::BigInt))
        .with_table(of("b", PgTenantColumn::Integer));
    tables.adopt(&id, &mut database.connect().await).await.unwrap();
}

//! Every public future can be spawned. It compiles, or it does not: nothing here is run.
#![expect(dead_code, reason = "what is proved here is proved by the compiler")]

use std::num::NonZeroUsize;

use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::{Admitted, Visit};

use crate::{ProvisionProgress, TenantDb, TenantTransaction};

fn is_send<T: Send>(_: T) {}

fn is_spawned<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    drop(tokio::spawn(future));
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! directory_is_send {
    ($directory:ty, $db:ty) => {
        fn a_directory(
            directory: &$directory,
            db: &TenantDb<$db>,
            tenant: &crate::NewTenant,
            creation: &crate::CreationKey,
            id: &tenancy_core::names::TenantId,
            member: &tenancy_core::directory::Member,
            key: &tenancy_core::names::TenantKey,
        ) {
            is_send(directory.create(db, tenant, creation));
            is_send(directory.upsert(tenant));
            is_send(directory.upsert_all(&[]));
            is_send(directory.remove(id));
            is_send(directory.set_status(id, tenancy_core::directory::TenantStatus::Active));
            is_send(directory.dangerously_set_placement(id, None));
            is_send(directory.add_member(id, member));
            is_send(directory.remove_member(id, member.subject(), None));
            is_send(directory.remove_member_of_every_issuer(id, member.subject()));
            is_send(directory.is_member(id, member.subject(), None));
            is_send(directory.members(id, &crate::PageRequest::first()));
            is_send(directory.count_members(id, 1));
            let caller = tenancy_core::enforce::Caller::dangerously_assume(member.subject().clone());
            is_send(directory.tenants_of(&caller, &crate::PageRequest::first()));
            is_send(directory.page(&crate::PageRequest::first()));
            is_send(directory.metadata(id));
            is_send(directory.set_metadata(id, &serde_json::Map::new()));
            is_send(directory.compare_and_set_metadata(id, 0, &serde_json::Map::new()));
            is_send(directory.settings(id));
            is_send(directory.compare_and_set_settings(id, 0, &serde_json::Map::new()));
            is_send(directory.find_by_id(id));
            is_send(directory.list());
            let job = member.subject();
            let work = |_: Admitted| async { Ok::<_, std::io::Error>(()) };
            is_send(directory.for_each_active(job, NonZeroUsize::MIN, work, |_| {}));
            is_send(tenancy_core::enforce::admit_job(directory, id, job.clone()));
            is_send(directory.dangerously_end_quarantine(key));
            let (who, why) = (member.subject().clone(), "a report".parse().unwrap());
            is_send(db.dangerously_begin_across_tenants(directory, who, why));
            is_send(directory.redeem_impersonation(""));
            is_send(directory.impersonations());
            is_send(directory.close());
        }

        fn its_fleet(fleet: crate::fleet::Fleet<$db>) {
            is_spawned(async move {
                let (options, stop) = (crate::fleet::FleetOptions::new(), crate::fleet::Stop::new());
                fleet.join(&options, &stop, |_| {}).await
            });
        }
    };
}

fn any_database<DB: sqlx::Database>(db: &TenantDb<DB>, admitted: &Admitted, visit: &Visit, tenant: &TenantRecord) {
    is_send(db.begin(admitted));
    is_send(db.begin_read(admitted));
    is_send(db.begin_current());
    is_send(db.begin_read_current());
    is_send(db.visit(visit));
    is_send(db.visit_current());
    is_send(db.dangerously_begin_in_any_status(admitted));
    is_send(db.check(tenant));
    is_send(db.provision(tenant));
    is_send(db.provision_all([tenant.clone()], NonZeroUsize::MIN, |_: ProvisionProgress<'_>| {}));
    is_send(db.dangerously_remove(tenant));
    is_send(db.close());
}

fn a_transaction<DB: sqlx::Database>(one: TenantTransaction<DB>, other: TenantTransaction<DB>) {
    is_send(one.commit());
    is_send(other.rollback());
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn a_fleet<DB: crate::DirectoryDatabase>(
    fleet: &crate::fleet::Fleet<DB>,
    options: &crate::fleet::FleetOptions,
    stop: &crate::fleet::Stop,
) {
    is_send(fleet.plan(options, |_| {}));
    is_send(fleet.run(options, stop, |_| {}));
    is_send(fleet.join(options, stop, |_| {}));
    is_send(fleet.resume(None, &crate::fleet::ResumeOptions::new(), stop, |_| {}));
    is_send(fleet.runs(1));
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::postgres::PgConnectOptions;
    use sqlx::{PgConnection, PgPool, Postgres};
    use tenancy_core::directory::ChangeFeed;
    use tenancy_core::names::TenantId;

    use super::*;
    use crate::{
        PgChanges, PgDatabaseStrategy, PgDirectory, PgRowBuilder, PgRowTables, PgSchemaBuilder, PgSchemaStrategy,
    };

    directory_is_send!(PgDirectory, Postgres);

    fn opening(row: PgRowBuilder, schema: PgSchemaBuilder, options: PgConnectOptions, pool: PgPool) {
        is_spawned(row.open());
        is_spawned(schema.open());
        is_spawned(PgDirectory::open(options.clone()));
        is_spawned(PgDirectory::from_pool(pool));
        is_spawned(PgChanges::connect(options));
    }

    fn the_schema(schema: PgRowTables, first: TenantId, mut connection: PgConnection) {
        is_spawned(async move {
            let _ = schema.verify(&mut connection).await;
            let _ = schema.apply(&mut connection).await;
            let _ = schema.adoption_sql(&first, &mut connection).await;
            let _ = schema.adopt(&first, &mut connection).await;
            let _ = schema.adoption_warnings(&mut connection).await;
            let _ = schema.with_referring_tables(&mut connection).await;
        });
    }

    fn removing(schema: &PgSchemaStrategy, database: &PgDatabaseStrategy, tenant: &TenantRecord) {
        is_send(schema.dangerously_drop_schema(&tenant.id));
        is_send(database.dangerously_drop_database(tenant));
    }

    fn changes(changes: &mut PgChanges) {
        is_send(changes.next());
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use sqlx::migrate::Migrator;
    use sqlx::{Sqlite, SqlitePool};

    use super::*;
    use crate::{InsecureTestStrategy, SqliteDirectory, SqliteRowBuilder};

    directory_is_send!(SqliteDirectory, Sqlite);

    fn opening(row: SqliteRowBuilder, migrations: Migrator, pool: SqlitePool) {
        is_spawned(row.open());
        is_spawned(async move { InsecureTestStrategy::open(&migrations).await });
        is_spawned(SqliteDirectory::open("directory.sqlite"));
        is_spawned(SqliteDirectory::from_pool(pool));
    }
}

//! The strategy `schema`: how both roles reach the cluster.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::{PgFault, PgFinding, PgSchemaBuilder, PgSchemaStrategy, PgServer, StrategyError};

use super::cluster::TestCluster;
use super::schema::options;
use crate::postgres::support::schema_server::{NOTES, notes_of, open, provision_with_note, run};
use crate::postgres::support::server::{TestDatabase, migrations};

fn through(application: PgConnectOptions, administrator: PgConnectOptions) -> PgSchemaBuilder {
    let server = PgServer::new(application, administrator);
    PgSchemaStrategy::builder(server)
        .with_migrations(migrations(&[NOTES]))
        .with_citus()
}

async fn refused(builder: PgSchemaBuilder) -> Vec<(PgFault, String)> {
    match builder.open().await {
        Err(StrategyError::UnsafeDatabase(report)) => {
            let told = |finding: &PgFinding| (finding.fault(), finding.object().to_owned());
            report.findings().iter().map(told).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Sent to the workers, what begins a transaction would be refused there.
#[tokio::test]
async fn a_preset_does_not_send_the_beginning_to_the_workers() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut superuser = cluster.superuser().await;
    // Presets of a role are a superuser's, or its own.
    for role in [cluster.application_role(), cluster.administrator_role()] {
        let preset = format!("alter role {role} set citus.propagate_set_commands = 'local'");
        run(&mut superuser, preset).await;
    }
    let (db, strategy) = open(options(&cluster)).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
    }
    for id in ["acme", "globex", "acme"] {
        assert_eq!(notes_of(&db, id).await, [format!("of {id}")]);
    }
    assert!(strategy.verify().await.unwrap().is_clean());
    // Nothing can be pinned through a pooler.
    let strategy = options(&cluster).with_transaction_pooler().open().await.unwrap();
    let report = strategy.verify().await.unwrap();
    let faults: Vec<PgFault> = report.findings().iter().map(PgFinding::fault).collect();
    assert_eq!(faults, [PgFault::PropagationPreset], "{report}");
}

/// The coordinator logs in as the role that runs the query, and tests' nodes want a password of them.
#[tokio::test]
async fn workers_that_refuse_the_application_are_found() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let strategy = options(&cluster).open().await.unwrap();
    assert!(strategy.verify().await.unwrap().is_clean());
    for worker in 1..=cluster.workers() {
        // A role is a superuser's to change, and this one is changed on the workers alone.
        let mut superuser = cluster.on(worker).connect().await.unwrap();
        run(&mut superuser, "set citus.enable_alter_role_propagation = off").await;
        run(
            &mut superuser,
            format!("alter role {} nologin", cluster.application_role()),
        )
        .await;
    }
    let strategy = options(&cluster).open().await.unwrap();
    let report = strategy.verify().await.unwrap();
    assert!(report.is_safe());
    assert_eq!(report.findings().len(), cluster.workers(), "{report}");
    for finding in report.findings() {
        assert_eq!(finding.fault(), PgFault::WorkerUnreachable);
        assert!(finding.object().contains("failed to connect"), "{finding}");
    }
}

#[tokio::test]
async fn a_worker_is_not_the_coordinator() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let on_worker = |of: PgConnectOptions| {
        let worker = cluster.on(1);
        of.host(worker.get_host()).port(worker.get_port())
    };
    let administrator = through(cluster.application(), on_worker(cluster.administrator()));
    let application = through(on_worker(cluster.application()), cluster.administrator());
    let of = |who: &str| vec![(PgFault::NotCoordinator, format!("the {who}'s connection"))];
    assert_eq!(refused(administrator).await, of("administrator"));
    assert_eq!(refused(application).await, of("application"));
}

#[tokio::test]
async fn a_database_without_the_extension_is_refused() {
    let database = TestDatabase::new().await;
    let builder = PgSchemaStrategy::builder(database.server()).with_citus();
    assert_eq!(
        refused(builder).await,
        [(PgFault::ExtensionMissing, "citus".to_owned())]
    );
    // Nor is anything asked of it without the declaration.
    let (_, strategy) = open(crate::postgres::support::schema_server::options(&database)).await;
    assert!(strategy.verify().await.unwrap().is_clean());
}

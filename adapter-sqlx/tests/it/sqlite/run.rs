//! Work that is run as a whole: committed, rolled back, and awaited by handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Sqlite;
use tenancy_core::context;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{ErrorKind, TenantDb, TenantTransaction, TransactionError};

use crate::common::{self, bodies, row_db, row_tenant, run, two_tenants};
use crate::staff;
use crate::transparent::Transparent;

/// As most applications have one.
#[derive(Debug, thiserror::Error)]
enum NotesError {
    #[error("failed to reach the notes")]
    Transaction(#[from] TransactionError),
    #[error("failed to query the notes")]
    Query(#[from] sqlx::Error),
    #[error("the note is too long")]
    TooLong,
}

async fn add(tx: &mut TenantTransaction<Sqlite>, body: &str) -> Result<(), sqlx::Error> {
    sqlx::query("insert into notes (id, body) values ('2', ?)")
        .bind(body)
        .execute(&mut **tx)
        .await
        .map(drop)
}

#[tokio::test]
async fn what_is_done_is_committed_for_its_tenant_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let count: i64 = db
        .run(&a, async |tx| {
            add(tx, "more").await?;
            Ok::<_, NotesError>(
                sqlx::query_scalar("select count(*) from notes")
                    .fetch_one(&mut **tx)
                    .await?,
            )
        })
        .await
        .unwrap();
    assert_eq!(count, 2);
    assert_eq!(bodies(&db, &a).await, ["of a", "more"]);
    assert_eq!(bodies(&db, &b).await, ["of b"]);
}

#[tokio::test]
async fn what_fails_is_rolled_back_and_run_once() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let times = AtomicUsize::new(0);
    let failed = db
        .run(&a, async |tx| {
            times.fetch_add(1, Ordering::Relaxed);
            add(tx, "more").await?;
            Err::<(), _>(NotesError::TooLong)
        })
        .await;
    assert!(matches!(failed, Err(NotesError::TooLong)), "{failed:?}");
    let failed = db
        .run(&a, async |tx| {
            times.fetch_add(1, Ordering::Relaxed);
            add(tx, "more").await?;
            add(tx, "the id is taken").await?;
            Ok::<_, NotesError>(())
        })
        .await;
    assert_eq!(ErrorKind::of(&failed.unwrap_err()), ErrorKind::Conflict);
    assert_eq!(times.into_inner(), 2);
    assert_eq!(bodies(&db, &a).await, ["of a"]);
}

#[tokio::test]
async fn a_panic_rolls_back() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let running = {
        let (db, a) = (db.clone(), a.clone());
        tokio::spawn(async move {
            db.run(&a, async |tx| {
                add(tx, "more").await?;
                if a.id().as_str() == "a" {
                    panic!("on purpose");
                }
                Ok::<_, NotesError>(())
            })
            .await
        })
    };
    assert!(running.await.unwrap_err().is_panic());
    assert_eq!(bodies(&db, &a).await, ["of a"]);
    assert_eq!(bodies(&db, &b).await, ["of b"]);
}

#[tokio::test]
async fn a_dropped_future_rolls_back() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let (written, was_written) = tokio::sync::oneshot::channel();
    let written = std::sync::Mutex::new(Some(written));
    let running = db.run(&a, async |tx| {
        add(tx, "more").await?;
        written.lock().unwrap().take().unwrap().send(()).unwrap();
        std::future::pending::<Result<(), NotesError>>().await
    });
    tokio::select! {
        _ = running => panic!("it waits for ever"),
        sent = was_written => sent.unwrap(),
    }
    assert_eq!(bodies(&db, &a).await, ["of a"]);
    assert_eq!(bodies(&db, &b).await, ["of b"]);
}

#[tokio::test]
async fn readers_do_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let read = db.run_read(&a, async |tx| {
        Ok::<_, NotesError>(run(tx, "select * from notes").await?)
    });
    assert_eq!(read.await.unwrap(), 1);
    let written = db.run_read(&a, async |tx| Ok::<_, NotesError>(add(tx, "more").await?));
    assert_eq!(ErrorKind::of(&written.await.unwrap_err()), ErrorKind::Internal);
    assert_eq!(bodies(&db, &a).await, ["of a"]);
}

#[tokio::test]
async fn the_task_s_tenant_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let outside = db.run_current(async |_| Ok::<_, NotesError>(())).await;
    assert!(
        matches!(outside, Err(NotesError::Transaction(TransactionError::OutOfScope(_)))),
        "{outside:?}"
    );
    let run = async {
        db.run_current(async |tx| Ok::<_, NotesError>(add(tx, "more").await?))
            .await?;
        db.run_read_current(async |tx| Ok::<_, NotesError>(run(tx, "select * from notes").await?))
            .await
    };
    assert_eq!(context::scope(a.clone(), run).await.unwrap(), 2);
}

#[tokio::test]
async fn a_tenant_that_is_not_active_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = row_db(&dir).await;
    for status in [
        TenantStatus::Provisioning,
        TenantStatus::Suspended,
        TenantStatus::Archived,
    ] {
        let record = common::record("a", "row").with_status(status);
        let member = Admitted::dangerously_assume(record, "job".parse().unwrap(), "alice".parse().unwrap());
        let refused = [
            db.begin(&member).await.err(),
            db.begin_read(&member).await.err(),
            db.run(&member, async |_| Ok::<_, TransactionError>(())).await.err(),
        ];
        for error in refused {
            let error = error.unwrap();
            let is_refusal = matches!(&error, TransactionError::NotActive { status: found, .. } if *found == status);
            assert!(is_refusal, "{error:?}");
            assert_eq!((error.kind(), error.kind().status()), (ErrorKind::Forbidden, 403));
        }
        let mut tx = db.dangerously_begin_in_any_status(&member).await.unwrap();
        assert_eq!(run(&mut tx, "select * from notes").await.unwrap(), 0);
    }
}

/// Whom enforcement has let into a suspended tenant as staff, the data lets in, too; and into no other that is not active.
#[tokio::test]
async fn staff_work_in_the_suspended_tenant_that_they_were_let_into() {
    let dir = tempfile::tempdir().unwrap();
    let db = row_db(&dir).await;
    let record = common::record("a", "row").with_status(TenantStatus::Suspended);
    let staff = staff::let_in_as_staff(record);
    db.begin(&staff).await.unwrap().rollback().await.unwrap();
    db.begin_read(&staff).await.unwrap().rollback().await.unwrap();
    db.run(&staff, async |tx| Ok::<_, NotesError>(add(tx, "seen").await?))
        .await
        .unwrap();
    // A visit is a lesser capability, also that of staff.
    let visit = db.visit(&staff.to_visit()).await.err().unwrap();
    assert!(matches!(visit, TransactionError::NotActive { .. }), "{visit:?}");
}

/// Handlers' futures are `Send`, and borrow. Errors of each form are looked into.
#[tokio::test]
async fn a_handler_awaits_it_whatever_its_error_is() {
    struct App {
        db: TenantDb<Sqlite>,
        tenant: Admitted,
    }

    async fn typed(app: &App, texts: &[String]) -> Result<(), Transparent> {
        app.db
            .run(&app.tenant, async |tx| {
                for text in texts {
                    add(tx, text).await?;
                }
                Ok(())
            })
            .await
    }

    async fn any(app: &App, texts: &[String]) -> anyhow::Result<()> {
        let adding = app.db.run(&app.tenant, async |tx| {
            for text in texts {
                add(tx, text).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
        adding.await
    }

    async fn boxed(app: &App, texts: &[String]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let adding = app.db.run(&app.tenant, async |tx| {
            for text in texts {
                add(tx, text).await?;
            }
            Ok(())
        });
        adding.await
    }

    let dir = tempfile::tempdir().unwrap();
    let (db, tenant, _) = two_tenants(&dir).await;
    let app = Arc::new(App { db, tenant });
    // The second has the id of the first.
    let texts = Arc::new(["x", "y"].map(str::to_owned));
    let kinds = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            [
                ErrorKind::of(&typed(&app, &*texts).await.unwrap_err()),
                ErrorKind::of(any(&app, &*texts).await.unwrap_err().as_ref()),
                ErrorKind::of(&*boxed(&app, &*texts).await.unwrap_err()),
            ]
        }
    });
    assert_eq!(kinds.await.unwrap(), [ErrorKind::Conflict; 3]);
    assert_eq!(bodies(&app.db, &row_tenant("a")).await, ["of a"]);
}

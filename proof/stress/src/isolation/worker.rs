//! One of many that read, write, give up, panic and send what they should not.

use std::error::Error;
use std::panic::{AssertUnwindSafe, panic_any};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use tenancy_sqlx::{TenantTransaction, TransactionError};

use super::hostile;
use super::tenants::{Fate, Tenant};
use super::world::{HUNG, PANICS, World};
use crate::logged;
use crate::poll::poll_at_most;
use crate::random::Random;

/// The payload of the panics that a worker makes itself.
pub(crate) const ASKED_FOR: &str = "a panic that was asked for";

/// No call takes longer, however busy the machine is: the pools give up before that.
const TIMEOUT: Duration = Duration::from_secs(100);

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Works on a world until a time.
pub(crate) struct Worker {
    pub(crate) world: Arc<World>,
    pub(crate) random: Random,
    /// Whether it sends hostile statements too.
    pub(crate) is_hostile: bool,
}

impl Worker {
    pub(crate) async fn work(mut self, until: Instant) {
        let world = Arc::clone(&self.world);
        while Instant::now() < until {
            let Some(tenant) = self.random.pick(&world.tenants) else {
                return;
            };
            let is_hostile = self.is_hostile && self.random.once_in(6);
            self.one(&world, tenant, is_hostile).await;
            if is_hostile {
                // On the connection that was just used, most likely.
                let same = world.tenants.iter().filter(|other| other.strategy == tenant.strategy);
                let same: Vec<&Tenant> = same.collect();
                for _ in 0..2 {
                    let Some(next) = self.random.pick(&same) else { return };
                    self.one(&world, next, false).await;
                }
            }
        }
    }

    async fn one(&mut self, world: &World, tenant: &Tenant, is_hostile: bool) {
        let polls = if self.random.once_in(5) {
            self.random.below(24)
        } else {
            u64::MAX
        };
        let mut random = self.random.fork();
        let work = async {
            match (is_hostile, random.below(6)) {
                (true, _) => hostile(world, tenant, &mut random).await,
                (false, 0 | 1) => read(world, tenant, &mut random).await,
                (false, 2) => run(world, tenant).await,
                (false, _) => write(world, tenant, &mut random).await,
            }
        };
        let work = logged::scope(Arc::clone(&tenant.mark), AssertUnwindSafe(work).catch_unwind());
        let outcome = tokio::time::timeout(TIMEOUT, poll_at_most(polls, work)).await;
        world.part.add("transactions", 1);
        match outcome {
            Err(_) => {
                let finding = format_args!("a transaction of {}; hostile: {is_hostile}", tenant.id());
                world.part.broken(HUNG, finding);
            }
            Ok(None) => world.part.add("futures dropped", 1),
            Ok(Some(Err(panic))) if panic.downcast_ref() == Some(&ASKED_FOR) => {
                world.part.add("panics in transactions", 1)
            }
            Ok(Some(Err(panic))) => world
                .part
                .broken(PANICS, format_args!("{:?}", panic.downcast_ref::<String>())),
            Ok(Some(Ok(Ok(())))) => {}
            Ok(Some(Ok(Err(error)))) if is_hostile => world.judge_error(tenant, &*error),
            Ok(Some(Ok(Err(error)))) => world.judge_bystander(tenant, &*error),
        }
    }
}

async fn read(world: &World, tenant: &Tenant, random: &mut Random) -> Outcome {
    let mut tx = if random.once_in(3) {
        world.db.visit(&tenant.admitted.to_visit()).await?
    } else {
        world.db.begin_read(&tenant.admitted).await?
    };
    if random.once_in(3) {
        world.probe(&mut tx, tenant).await?;
    }
    world.look(&mut tx, tenant).await?;
    panic_now_and_then(random);
    match random.below(3) {
        0 => tx.commit().await?,
        1 => tx.rollback().await?,
        _ => drop(tx),
    }
    Ok(())
}

async fn write(world: &World, tenant: &Tenant, random: &mut Random) -> Outcome {
    let mut tx = world.db.begin(&tenant.admitted).await?;
    if random.once_in(3) {
        world.probe(&mut tx, tenant).await?;
    }
    if random.once_in(2) {
        world.look(&mut tx, tenant).await?;
    }
    let mut written = vec![insert(world, &mut tx, tenant, random).await?];
    if random.once_in(5) {
        written.extend(savepoint(world, &mut tx, tenant, random).await?);
    }
    panic_now_and_then(random);
    if random.once_in(4) {
        world.look(&mut tx, tenant).await?;
    }
    end(
        world,
        tx,
        tenant,
        Written {
            rows: &written,
            may_have_ended: false,
        },
        random,
    )
    .await
}

/// A write by `run`, which may call its work twice. What the first call did is undone then.
async fn run(world: &World, tenant: &Tenant) -> Outcome {
    let written = Mutex::new(Vec::new());
    let last = || written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let work = async |tx: &mut TenantTransaction<Postgres>| {
        set_fates(tenant, &last(), Fate::Undone);
        let number = world.number();
        tenant.set_fate(number, Fate::Undone);
        sqlx::query("insert into notes (number, mark) values ($1, $2)")
            .bind(number)
            .bind(&*tenant.mark)
            .execute(&mut **tx)
            .await?;
        // It is committed after this.
        tenant.set_fate(number, Fate::Unknown);
        *last() = vec![number];
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    world.db.run(&tenant.admitted, work).await?;
    set_fates(tenant, &last(), Fate::Committed);
    world.part.add("commits acknowledged", 1);
    Ok(())
}

/// The rows of a transaction, and whether a hostile statement may have ended it before its handler does.
#[derive(Clone, Copy)]
struct Written<'w> {
    rows: &'w [i64],
    may_have_ended: bool,
}

/// Its row counts as undone until a commit is sent.
async fn insert(
    world: &World,
    connection: &mut PgConnection,
    tenant: &Tenant,
    random: &mut Random,
) -> Result<i64, sqlx::Error> {
    let number = world.number();
    tenant.set_fate(number, Fate::Undone);
    let size = if random.once_in(50) { 100_000 } else { random.below(200) };
    sqlx::query("insert into notes (number, mark, body) values ($1, $2, $3)")
        .bind(number)
        .bind(&*tenant.mark)
        .bind("x".repeat(usize::try_from(size).unwrap_or_default()))
        .execute(connection)
        .await?;
    Ok(number)
}

/// A row that is the transaction's if its savepoint is.
async fn savepoint(
    world: &World,
    tx: &mut TenantTransaction<Postgres>,
    tenant: &Tenant,
    random: &mut Random,
) -> Result<Option<i64>, sqlx::Error> {
    let mut savepoint = tx.begin().await?;
    let number = insert(world, &mut savepoint, tenant, random).await?;
    match random.below(4) {
        0 | 1 => savepoint.commit().await.map(|()| Some(number)),
        2 => savepoint.rollback().await.map(|()| None),
        _ => {
            drop(savepoint);
            Ok(None)
        }
    }
}

async fn end(
    world: &World,
    tx: TenantTransaction<Postgres>,
    tenant: &Tenant,
    written: Written<'_>,
    random: &mut Random,
) -> Outcome {
    if random.once_in(6) {
        return Ok(tx.rollback().await?);
    }
    if random.once_in(10) {
        drop(tx);
        return Ok(());
    }
    if random.once_in(30) {
        // Where there is no runtime.
        std::thread::spawn(move || drop(tx))
            .join()
            .map_err(|_| "a drop has panicked")?;
        world.part.add("transactions dropped outside of a runtime", 1);
        return Ok(());
    }
    set_fates(tenant, written.rows, Fate::Unknown);
    match tx.commit().await {
        Ok(()) => {
            set_fates(tenant, written.rows, Fate::Committed);
            world.part.add("commits acknowledged", 1);
            Ok(())
        }
        Err(TransactionError::Failed) => {
            if !written.may_have_ended {
                set_fates(tenant, written.rows, Fate::Undone);
            }
            Err(TransactionError::Failed.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn set_fates(tenant: &Tenant, written: &[i64], fate: Fate) {
    written.iter().for_each(|number| tenant.set_fate(*number, fate));
}

/// A transaction whose handler sends one to three statements that it should not, and ignores their errors. What it sees
/// within that transaction is not judged. The answer to its commit is.
async fn hostile(world: &World, tenant: &Tenant, random: &mut Random) -> Outcome {
    let mut tx = if random.once_in(4) {
        world.db.begin_read(&tenant.admitted).await?
    } else {
        world.db.begin(&tenant.admitted).await?
    };
    let (mut written, mut may_have_ended) = (Vec::new(), false);
    if random.once_in(2) {
        // Refused in a transaction that reads.
        written.extend(insert(world, &mut tx, tenant, random).await.ok());
    }
    for _ in 0..=random.below(3) {
        let kind = if random.once_in(400) {
            random.pick(&hostile::SLOW)
        } else {
            random.pick(&hostile::KINDS)
        };
        let (Some(kind), Some(other)) = (kind, random.pick(&world.tenants)) else {
            break;
        };
        if hostile::may_end(kind) {
            set_fates(tenant, &written, Fate::Unknown);
            may_have_ended = true;
        }
        let sql = hostile::text(kind, tenant, other);
        // A copy never ends by itself.
        let gives_up = random.once_in(4) || kind.contains("stdin");
        let polls = if gives_up { 1 + random.below(4) } else { u64::MAX };
        send(world, &mut tx, tenant, sql, polls).await;
        if kind.contains("stdin") {
            // The server waits for rows that are never sent, so this handler's own commit would wait for ever.
            drop(tx);
            return Ok(());
        }
        if random.once_in(8) {
            std::thread::sleep(Duration::from_millis(random.below(4)));
        }
    }
    panic_now_and_then(random);
    let rows = &written;
    end(world, tx, tenant, Written { rows, may_have_ended }, random).await
}

/// Its error is ignored, as such a handler does.
async fn send(world: &World, connection: &mut PgConnection, tenant: &Tenant, sql: String, polls: u64) {
    world.part.add("hostile statements", 1);
    let sent = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection);
    if let Some(Err(error)) = poll_at_most(polls, sent).await {
        world.judge_error(tenant, &error);
    }
}

#[expect(clippy::panic, reason = "it is what is tried")]
fn panic_now_and_then(random: &mut Random) {
    if random.once_in(30) {
        panic_any(ASKED_FOR);
    }
}

//! The transaction that a connection and its savepoints share.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tenancy_sqlx::{TenantTransaction, TransactionError};
use tokio::sync::{Mutex, MutexGuard};

use crate::backend::{Backend, exec_error, query_error};

pub(crate) struct Shared<DB: Backend> {
    open: Mutex<Open<DB>>,
    /// Savepoints that were dropped and are still to be rolled back: a destructor cannot wait for the database.
    dropped: StdMutex<Vec<u64>>,
}

struct Open<DB: Backend> {
    tx: TenantTransaction<DB>,
    /// Those that are open, the outermost first.
    savepoints: Vec<u64>,
    last: u64,
}

impl<DB: Backend> Shared<DB> {
    pub(crate) fn new(tx: TenantTransaction<DB>) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::new(Open {
                tx,
                savepoints: Vec::new(),
                last: 0,
            }),
            dropped: StdMutex::new(Vec::new()),
        })
    }

    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut open = self.settled().await?;
        DB::execute(&mut open.tx, statement).await.map_err(exec_error)
    }

    pub(crate) async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut open = self.settled().await?;
        open.run(sql.to_owned()).await
    }

    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut open = self.settled().await?;
        DB::query_one(&mut open.tx, statement).await.map_err(query_error)
    }

    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut open = self.settled().await?;
        DB::query_all(&mut open.tx, statement).await.map_err(query_error)
    }

    /// Sets a savepoint, and returns its number.
    pub(crate) async fn savepoint(&self) -> Result<u64, DbErr> {
        let mut open = self.settled().await?;
        open.last += 1;
        let number = open.last;
        open.run(format!("savepoint tenant_{number}")).await?;
        open.savepoints.push(number);
        Ok(number)
    }

    /// Keeps what was done since a savepoint.
    pub(crate) async fn release(&self, number: u64) -> Result<(), DbErr> {
        let mut open = self.settled().await?;
        if !open.close(number) {
            let gone = "the savepoint is gone: one around it has ended".to_owned();
            return Err(DbErr::Exec(RuntimeErr::Internal(gone)));
        }
        open.run(format!("release savepoint tenant_{number}")).await?;
        Ok(())
    }

    /// Undoes what was done since a savepoint.
    pub(crate) async fn undo(&self, number: u64) -> Result<(), DbErr> {
        self.settled().await?.undo(number).await
    }

    /// Has a savepoint undone before anything else is done.
    pub(crate) fn undo_later(&self, number: u64) {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }

    /// Commits, if no savepoint is open any more.
    pub(crate) async fn commit(self: Arc<Self>) -> Result<(), TransactionError> {
        let settled = self.settled().await.map(drop);
        // A savepoint that lives on would be committed in half. What is dropped here is rolled back.
        let tx = settled.ok().and_then(|()| Arc::into_inner(self));
        let tx = tx.ok_or(TransactionError::NotOpen)?;
        tx.open.into_inner().tx.commit().await
    }

    /// The transaction, once each savepoint that was dropped is rolled back.
    async fn settled(&self) -> Result<MutexGuard<'_, Open<DB>>, DbErr> {
        let mut open = self.open.lock().await;
        loop {
            let first = self
                .dropped
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .first()
                .copied();
            let Some(number) = first else {
                return Ok(open);
            };
            open.undo(number).await?;
            self.dropped
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|other| *other != number);
        }
    }
}

impl<DB: Backend> Open<DB> {
    async fn run(&mut self, sql: String) -> Result<ExecResult, DbErr> {
        DB::execute_unprepared(&mut self.tx, sql).await.map_err(exec_error)
    }

    /// Forgets a savepoint and those inside it. Returns `false` if it is gone: one around it has ended.
    fn close(&mut self, number: u64) -> bool {
        let place = self.savepoints.iter().position(|open| *open == number);
        self.savepoints.truncate(place.unwrap_or(self.savepoints.len()));
        place.is_some()
    }

    async fn undo(&mut self, number: u64) -> Result<(), DbErr> {
        if self.savepoints.contains(&number) {
            let undo = format!("rollback to savepoint tenant_{number}; release savepoint tenant_{number}");
            self.run(undo).await?;
            self.close(number);
        }
        Ok(())
    }
}

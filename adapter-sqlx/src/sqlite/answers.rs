//! The answers of a connection's thread to a text of several statements.
//!
//! Each statement is answered by itself, and each answer that its reader waits for wakes the reader. Between the first and the
//! last of a text that begins a transaction lie some microseconds, about as many as it takes to fall asleep and be woken once
//! more. So after the first answer the reader looks for the others as often as they may take, and lets others run meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::{Stream, StreamExt};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Either, Executor, Sqlite, SqliteConnection};

/// How often a reader looks for answers before it waits for them. A writer may hold the file for seconds.
const LOOKS: usize = 16;

/// The rows up to the first error, and that.
pub(super) async fn rows_of(
    connection: &mut SqliteConnection,
    query: Query<'static, Sqlite, SqliteArguments>,
) -> (Vec<SqliteRow>, Option<sqlx::Error>) {
    let mut answers = Answers::new(connection.fetch_many(query));
    let mut rows = Vec::new();
    loop {
        match answers.next().await {
            Some(Ok(Either::Right(row))) => rows.push(row),
            Some(Ok(Either::Left(_))) => {}
            Some(Err(error)) => return (rows, Some(error)),
            None => return (rows, None),
        }
    }
}

/// A stream, and how often it is looked at before it is waited for.
struct Answers<S> {
    stream: S,
    looks_left: Option<usize>,
}

impl<S: Stream + Unpin> Answers<S> {
    const fn new(stream: S) -> Self {
        Self {
            stream,
            looks_left: None,
        }
    }

    async fn next(&mut self) -> Option<S::Item> {
        let Some(looks_left) = &mut self.looks_left else {
            let first = self.stream.next().await;
            self.looks_left = Some(LOOKS);
            return first;
        };
        while *looks_left > 0 {
            // What comes meanwhile wakes nobody: it is found at the next look, or by the wait after the last one.
            let look = Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(answer) = look {
                return answer;
            }
            *looks_left -= 1;
            tokio::task::yield_now().await;
        }
        self.stream.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has one answer at once, and the other after so many polls; counts those that ask to be woken.
    struct Slow {
        polls: usize,
        ready_after: usize,
        asked_to_be_woken: usize,
    }

    impl Stream for Slow {
        type Item = usize;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<usize>> {
            self.polls += 1;
            if self.polls == 1 || self.polls > self.ready_after {
                return Poll::Ready(Some(self.polls));
            }
            if !context.waker().will_wake(Waker::noop()) {
                self.asked_to_be_woken += 1;
                context.waker().wake_by_ref();
            }
            Poll::Pending
        }
    }

    async fn second_answer(ready_after: usize) -> Slow {
        let mut answers = Answers::new(Slow {
            polls: 0,
            ready_after,
            asked_to_be_woken: 0,
        });
        assert_eq!(answers.next().await, Some(1));
        assert_eq!(answers.next().await, Some(ready_after + 1));
        answers.stream
    }

    #[tokio::test]
    async fn answers_that_follow_soon_wake_nobody() {
        for ready_after in [1, 2, LOOKS] {
            assert_eq!(second_answer(ready_after).await.asked_to_be_woken, 0, "{ready_after}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_takes_long_is_waited_for() {
        let seen = second_answer(LOOKS + 3).await;
        assert_eq!(seen.asked_to_be_woken, 2);
    }
}

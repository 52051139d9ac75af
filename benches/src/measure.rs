//! Rows and groups of them.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::plot::Plot;

/// One operation.
pub struct Row {
    /// What it is called in the report.
    pub name: String,
    run: Box<dyn FnMut(u64) -> Duration>,
}

impl Row {
    /// An operation that ends at once.
    pub fn new<T>(name: impl Into<String>, mut operation: impl FnMut() -> T + 'static) -> Self {
        Self::timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                black_box(operation());
            }
            start.elapsed()
        })
    }

    /// An operation that is awaited, on a runtime of one thread.
    pub fn awaited<T>(name: impl Into<String>, mut operation: impl AsyncFnMut() -> T + 'static) -> Self {
        let runtime = runtime();
        Self::timed(name, move |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    black_box(operation().await);
                }
                start.elapsed()
            })
        })
    }

    /// An operation on something that is made on the same runtime, such as a pool.
    pub fn prepared<S: 'static, T>(
        name: impl Into<String>,
        make: impl AsyncFnOnce() -> S,
        operation: impl AsyncFn(&S) -> T + 'static,
    ) -> Self {
        let runtime = runtime();
        let made = runtime.block_on(make());
        Self::timed(name, move |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    black_box(operation(&made).await);
                }
                start.elapsed()
            })
        })
    }

    /// As [`prepared`](Self::prepared), so many at a time: the load of a server that always has something to do.
    pub fn concurrent<S: 'static, T>(
        name: impl Into<String>,
        at_once: usize,
        make: impl AsyncFnOnce() -> S,
        operation: impl AsyncFn(&S) -> T + 'static,
    ) -> Self {
        let runtime = runtime();
        let shared = Rc::new((runtime.block_on(make()), operation));
        Self::timed(name, move |times| {
            let tasks = LocalSet::new();
            // Each takes the next, so that none is left to run alone.
            let left = Rc::new(Cell::new(times));
            let start = Instant::now();
            for _ in 0..at_once {
                let (shared, left) = (Rc::clone(&shared), Rc::clone(&left));
                tasks.spawn_local(async move {
                    while let Some(fewer) = left.get().checked_sub(1) {
                        left.set(fewer);
                        black_box(shared.1(&shared.0).await);
                    }
                });
            }
            runtime.block_on(tasks);
            start.elapsed()
        })
    }

    /// An operation that times itself: so often, it takes so long.
    pub fn timed(name: impl Into<String>, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }

    /// How long it takes so often.
    pub fn run(&mut self, times: u64) -> Duration {
        (self.run)(times)
    }
}

/// A runtime of one thread, so that no other has a part in what is measured.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A row against the sum of others.
pub struct Comparison {
    /// What is compared.
    pub row: String,
    /// What it is held against: the sum of these.
    pub floor: Vec<String>,
    /// The ratio that it is to keep, where there is one.
    pub at_most: Option<f64>,
}

/// Rows that are measured in turns. The first is measured twice, as the control.
pub struct Group {
    /// What is measured.
    pub rows: Vec<Row>,
    /// What is compared.
    pub comparisons: Vec<Comparison>,
    /// What was found when the rows were made, below their table.
    pub notes: Vec<String>,
    /// What of it is drawn.
    pub plots: Vec<Plot>,
    /// How many times as long as another group's its turns are.
    pub longer: u32,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            comparisons: Vec::new(),
            notes: Vec::new(),
            plots: Vec::new(),
            longer: 1,
        }
    }
}

impl Group {
    /// For operations that wait, and vary more.
    pub(crate) fn with_longer_turns(self, longer: u32) -> Self {
        Self { longer, ..self }
    }

    /// Adds a sentence that the report shows below the table.
    pub(crate) fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    /// Adds a picture of rows.
    pub(crate) fn plot(mut self, plot: Plot) -> Self {
        self.plots.push(plot);
        self
    }

    /// Adds a row, whose name no other has.
    pub fn row(mut self, row: Row) -> Self {
        assert!(self.rows.iter().all(|other| other.name != row.name), "{}", row.name);
        self.rows.push(row);
        self
    }

    /// Holds the last row against the sum of others.
    pub fn against<const N: usize>(mut self, floor: [&str; N], at_most: impl Into<Option<f64>>) -> Self {
        for name in floor {
            assert!(self.rows.iter().any(|row| row.name == name), "no row `{name}`");
        }
        self.comparisons.push(Comparison {
            row: self.rows.last().unwrap().name.clone(),
            floor: floor.map(str::to_owned).to_vec(),
            at_most: at_most.into(),
        });
        self
    }
}

//! Counts of operations, which a busy machine does not change: instructions, and allocations.

use crate::{GROUPS, Options, Row};

/// Groups whose operations stay in one thread and in this process, so that counts of them are complete.
const COUNTED: [&str; 7] = ["resolution", "admission", "context", "axum", "poem", "warp", "tower"];

/// How often an operation runs before it is counted, so that whatever is made once is there: a cache makes a copy near
/// a thread that finds a value often.
const WARM: u64 = 100;

/// Runs each row by `run`, warm, so often, and then twice as often. The difference of the last two is what so many
/// operations come to, without what a run costs once. Groups whose name does not hold `filter` are left out.
pub fn count_rows(filter: &str, times: u64, mut run: impl FnMut(&mut dyn FnMut()) -> u64) -> Vec<Counted> {
    let groups = GROUPS.into_iter().filter(|(name, _)| COUNTED.contains(name));
    let mut counted = Vec::new();
    for (name, make) in groups.filter(|(name, _)| name.contains(filter)) {
        for mut row in make(Options::QUICK).rows {
            run(&mut || operations(&mut row, WARM));
            let [once, twice] = [times, 2 * times].map(|times| run(&mut || operations(&mut row, times)));
            counted.push(Counted {
                group: name,
                name: row.name,
                count: (twice as f64 - once as f64) / times as f64,
            });
        }
    }
    counted
}

/// A row, and what one operation of it comes to.
#[derive(Debug)]
pub struct Counted {
    /// The group's name.
    pub group: &'static str,
    /// The row's name.
    pub name: String,
    /// What was counted, for one operation.
    pub count: f64,
}

/// Callgrind writes down what it counted since the last time whenever this ends; `cargo xtask bench --instructions`
/// tells it the name.
#[inline(never)]
fn operations(row: &mut Row, times: u64) {
    row.run(times);
}

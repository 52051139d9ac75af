//! The rows of a group in turns, so that whatever disturbs one disturbs all, and what they come to.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use crate::{GROUPS, Group, MakeGroup, Row};

/// A control beyond this, and the group's figures mean nothing.
const CONTROL: f64 = 1.05;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often each row has its turn.
    pub rounds: usize,
    /// How long a turn is to take.
    pub turn: Duration,
    /// How many tenants there are at most, where their number is what is measured.
    pub tenants: usize,
}

impl Options {
    /// Enough to see that each row runs.
    pub const QUICK: Self = Self {
        rounds: 3,
        turn: Duration::from_micros(50),
        tenants: 200,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 101,
            turn: Duration::from_millis(4),
            tenants: 10_000,
        }
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// The tables, as Markdown.
    pub text: String,
    /// The names of SVG files, without the extension, and what is in them.
    pub plots: Vec<(&'static str, String)>,
}

/// Measures all groups. Those whose name does not hold `filter` are left out.
pub fn report(options: Options, filter: &str) -> Report {
    report_on(&GROUPS, options, filter)
}

/// The same of other groups.
pub fn report_on(groups: &[MakeGroup], options: Options, filter: &str) -> Report {
    let Report { mut text, mut plots } = Report::default();
    for (name, make) in groups.iter().filter(|(name, _)| name.contains(filter)) {
        let mut group = make(options);
        if group.rows.is_empty() {
            write!(
                text,
                "### {name}\n\nNot measured: it needs a server, which `cargo xtask bench` starts.\n\n"
            )
            .unwrap();
            continue;
        }
        let measured = Measured::of(&mut group, options);
        write!(text, "### {name}\n\n{}\n", Shown(&group, &measured)).unwrap();
        let time = |name: &str| {
            let place = group.rows.iter().position(|row| row.name == name)?;
            Some(median(measured.0[place].clone()))
        };
        plots.extend(group.plots.iter().map(|plot| (plot.file, plot.draw(time))));
    }
    Report { text, plots }
}

/// Runs one row so often and no other, for profilers. Whether there is such a row.
pub fn run_row(group: &str, row: &str, times: u64) -> bool {
    let Some((_, make)) = GROUPS.into_iter().find(|(name, _)| *name == group) else {
        return false;
    };
    let rows = make(Options::default()).rows.into_iter();
    rows.filter(|one| one.name == row).map(|mut one| one.run(times)).count() > 0
}

/// Nanoseconds of one operation, for each round of each row. The last row is the first once more.
struct Measured(Vec<Vec<f64>>);

impl Measured {
    fn of(group: &mut Group, options: Options) -> Self {
        let turn = options.turn * group.longer;
        let times: Vec<u64> = group.rows.iter_mut().map(|row| calibrate(row, turn)).collect();
        let places: Vec<usize> = (0..group.rows.len()).chain([0]).collect();
        let mut measured = vec![Vec::with_capacity(options.rounds); places.len()];
        for round in 0..options.rounds {
            for turn in 0..places.len() {
                // Each round begins with another row: nobody is always the one behind the same other.
                let column = (round + turn) % places.len();
                let place = places[column];
                // What the row before has left behind, cold caches and idle connections, is none of this row's.
                group.rows[place].run(times[place] / 8);
                let took = group.rows[place].run(times[place]);
                measured[column].push(took.as_secs_f64() * 1e9 / times[place] as f64);
            }
        }
        Self(measured)
    }

    fn control(&self) -> f64 {
        let ratio = median(self.ratios(0, &[self.0.len() - 1]));
        ratio.max(1.0 / ratio)
    }

    /// One row by the sum of others, in each round.
    fn ratios(&self, row: usize, floor: &[usize]) -> Vec<f64> {
        let of = |round: usize| self.0[row][round] / floor.iter().map(|place| self.0[*place][round]).sum::<f64>();
        (0..self.0[row].len()).map(of).collect()
    }
}

/// So often that a turn takes its time, once everything is warm: the first time connections are made.
fn calibrate(row: &mut Row, turn: Duration) -> u64 {
    let cold = times_of(row, turn);
    row.run(cold);
    times_of(row, turn)
}

fn times_of(row: &mut Row, turn: Duration) -> u64 {
    let mut times = 1;
    loop {
        let took = row.run(times);
        if took * 2 >= turn || times > 1 << 30 {
            let more = turn.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return ((times as f64 * more) as u64).max(1);
        }
        times *= 2;
    }
}

struct Shown<'a>(&'a Group, &'a Measured);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(group, measured) = self;
        let control = measured.control();
        writeln!(f, "Control (the first row twice): {control:.3}{}\n", verdict(control))?;
        f.write_str(
            "| row | median | middle half | spread | against | ratio | at most |\n|---|---|---|---|---|---|---|\n",
        )?;
        for (place, row) in group.rows.iter().enumerate() {
            let mut taken = measured.0[place].clone();
            taken.sort_by(f64::total_cmp);
            let [first, middle, third] = [1, 2, 3].map(|part| taken[taken.len() * part / 4]);
            let spread = 100.0 * (third - first) / middle;
            let (name, middle, first, third) = (&row.name, Time(middle), Time(first), Time(third));
            write!(f, "| {name} | {middle} | {first} to {third} | {spread:.0} % |")?;
            match group.comparisons.iter().find(|comparison| comparison.row == row.name) {
                None => f.write_str(" | | |\n")?,
                Some(comparison) => {
                    let place_of = |name: &String| group.rows.iter().position(|row| row.name == *name).unwrap();
                    let floor: Vec<usize> = comparison.floor.iter().map(place_of).collect();
                    let ratio = median(measured.ratios(place, &floor));
                    let at_most = comparison.at_most.map_or(String::new(), |most| format!("{most:.2}"));
                    writeln!(f, " {} | {ratio:.2} | {at_most} |", comparison.floor.join(" + "))?;
                }
            }
        }
        if !group.notes.is_empty() {
            writeln!(f, "\n{}", group.notes.join("\n"))?;
        }
        Ok(())
    }
}

fn verdict(control: f64) -> &'static str {
    if control > CONTROL {
        ". **Void: the machine was not quiet.**"
    } else {
        "."
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Nanoseconds, as people read them.
struct Time(f64);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            time if time < 100.0 => write!(f, "{time:.1} ns"),
            time if time < 1_000.0 => write!(f, "{time:.0} ns"),
            time if time < 1_000_000.0 => write!(f, "{:.2} µs", time / 1e3),
            time => write!(f, "{:.2} ms", time / 1e6),
        }
    }
}

//! Prints the report. `report [--quick] [GROUP]`: `--quick` runs each row a few times, to see that it runs.

use std::time::Duration;

use benches::{Options, report};

fn main() {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let options = if flags.iter().any(|flag| flag == "--quick") {
        Options {
            rounds: 3,
            turn: Duration::from_micros(50),
        }
    } else {
        Options::default()
    };
    print!("{}", report(options, names.first().map_or("", String::as_str)));
}

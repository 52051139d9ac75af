//! Runs each row for callgrind to count: `instructions TIMES [PART OF A GROUP'S NAME]`. Prints group and row, in the
//! order in which callgrind writes its counts down: three of each, of which the last two are of `TIMES` operations
//! and of twice as many.

use std::process::ExitCode;

use benches::count_rows;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.get(1).map_or("", String::as_str);
    let Some(Ok(times)) = arguments.first().map(|times| times.parse()) else {
        eprintln!("usage: instructions TIMES [PART OF A GROUP'S NAME]");
        return ExitCode::FAILURE;
    };
    let uncounted = |run: &mut dyn FnMut()| {
        run();
        0
    };
    for row in count_rows(filter, times, uncounted) {
        println!("{}\t{}", row.group, row.name);
    }
    ExitCode::SUCCESS
}

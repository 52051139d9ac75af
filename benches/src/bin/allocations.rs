//! Prints what one operation of each row allocates: group, row, number. `allocations TIMES [PART OF A GROUP'S NAME]`.
//!
//! A program of its own, since the allocator that counts would slow the rows that are timed.

use std::process::ExitCode;

use benches::count_rows;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.get(1).map_or("", String::as_str);
    let Some(Ok(times)) = arguments.first().map(|times| times.parse()) else {
        eprintln!("usage: allocations TIMES [PART OF A GROUP'S NAME]");
        return ExitCode::FAILURE;
    };
    for row in count_rows(filter, times, |run| allocation_counter::measure(run).count_total) {
        println!("{}\t{}\t{}", row.group, row.name, row.count);
    }
    ExitCode::SUCCESS
}

//! `cargo bench -p benches`, each row by itself. Criterion's report is in `target/criterion`.

use std::time::Duration;

use benches::{GROUPS, Options};
use criterion::{Criterion, criterion_group, criterion_main};

fn hot_path(criterion: &mut Criterion) {
    for (name, make) in GROUPS {
        let mut group = criterion.benchmark_group(name);
        for mut row in make(Options::default()).rows {
            let id = row.name.clone();
            group.bench_function(id, |bencher| bencher.iter_custom(|times| row.run(times)));
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = hot_path
}
criterion_main!(benches);

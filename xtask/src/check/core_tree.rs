//! What the core drags in.

use std::collections::BTreeSet;

use crate::command::{Failure, cargo};

/// All that `tenancy-core` without features is built from: itself, heapless, and what heapless needs.
const ALLOWED: [&str; 5] = ["byteorder", "hash32", "heapless", "stable_deref_trait", "tenancy-core"];

/// Fails where the core's tree is not exactly [`ALLOWED`].
pub(crate) fn check() -> Result<(), Failure> {
    let tree =
        cargo("tree -p tenancy-core -e normal --no-default-features --prefix none --locked".split(' ')).stdout()?;
    let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    println!("{}", found.iter().copied().collect::<Vec<_>>().join(", "));
    if found == BTreeSet::from(ALLOWED) {
        Ok(())
    } else {
        Err(Failure::new(format!("expected exactly {}", ALLOWED.join(", "))))
    }
}

//! The adoption of tables from before there were tenants: what it keeps, refuses, fills, grants and locks.

mod before_and_after;
mod in_the_way;
mod kept;
mod locks;
mod mends;
mod opening;
mod partitions;
mod refused;
mod rights;
mod staged;
mod tenants_there;
mod triggers;
mod warnings;

//! What every adapter must do alike, over real connections, and each test once for each framework.
//!
//! `server` has one small application, written once in each framework. The tests know none of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod callers;
mod client;
mod context;
mod cors;
mod events;
mod faults;
mod frame;
mod grpc;
mod limits;
mod log;
mod made_up;
mod own_authentication;
mod policies;
mod probe;
mod server;
mod telemetry;
mod tenants;
mod updating;
mod upgrade;

/// Runs each test once for each framework, or for those that are named.
macro_rules! on_each_framework {
    ([$($framework:ident),*] $test:ident) => {
        mod $test {
            $(
                #[test]
                fn $framework() {
                    super::$test(crate::server::$framework::serve);
                }
            )*
        }
    };
    ($($test:ident),* $(,)?) => { $(on_each_framework! { [axum, hyper, poem, warp] $test })* };
}
use on_each_framework;
#[path = "../../../../adapter-http/tests/it/two_tenants.rs"]
mod two_tenants;

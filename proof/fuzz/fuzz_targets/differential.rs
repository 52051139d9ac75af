//! The core answers every structured case as the oracle does.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tenancy_oracle::{Oracle, core, generate};

fuzz_target!(|bytes: &[u8]| {
    let Ok(case) = generate(&mut Unstructured::new(bytes)) else {
        return;
    };
    assert_eq!(core::answer(&case), Oracle::default().answer(&case), "{case:#?}");
});

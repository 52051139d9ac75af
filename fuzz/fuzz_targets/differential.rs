//! The core answers every structured case as the oracle does.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tenancy_oracle::{Oracle, core, generate, known_difference};

fuzz_target!(|bytes: &[u8]| {
    let Ok(case) = generate(&mut Unstructured::new(bytes)) else {
        return;
    };
    let answer = core::answer(&case);
    if known_difference(&case).is_none() {
        assert_eq!(answer, Oracle::default().answer(&case), "{case:#?}");
    }
});

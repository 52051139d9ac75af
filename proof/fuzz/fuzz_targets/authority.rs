//! The core reads an authority as the oracle does, and a name that it read is read again as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenancy_core::{Domain, Host, parse_authority};
use tenancy_oracle::Authority;

fuzz_target!(|bytes: &[u8]| {
    let oracle = match tenancy_oracle::authority(bytes) {
        Ok(Authority::Name(name)) => Some(Some(name)),
        Ok(Authority::Address(_)) => Some(None),
        Err(_) => None,
    };
    let core = match parse_authority(bytes) {
        Ok(Host::Name(name)) => {
            assert_eq!(name.as_str().parse::<Domain>().as_ref(), Ok(&name));
            Some(Some(name.to_string()))
        }
        Ok(Host::Address(_)) => Some(None),
        Err(_) => None,
    };
    assert_eq!(core, oracle);
});

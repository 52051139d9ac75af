//! The core reads an authority as the oracle does, and a name that it read is read again as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenancy_core::names::Domain;
use tenancy_oracle::Authority;

fuzz_target!(|bytes: &[u8]| {
    let oracle = match tenancy_oracle::authority(bytes) {
        Ok(Authority::Name(name)) => Ok(Some(name)),
        Ok(Authority::Address(_)) => Ok(None),
        Err(_) => Err(()),
    };
    let core = tenancy_oracle::core::authority(bytes).map_err(|_| ());
    if let Ok(Some(name)) = &core {
        assert_eq!(name.parse::<Domain>().unwrap().as_str(), name);
    }
    assert_eq!(core, oracle);
});

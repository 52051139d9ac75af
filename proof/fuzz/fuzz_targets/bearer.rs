//! Each line is an `Authorization` field: the core reads them as the oracle does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenancy_core::request::{Credentials, HeaderList, bearer_token};
use tenancy_oracle::{Bearer, bearer};

fuzz_target!(|bytes: &[u8]| {
    let fields: Vec<(String, Vec<u8>)> = bytes
        .split(|byte| *byte == b'\n')
        .map(|value| ("Authorization".to_owned(), value.to_vec()))
        .collect();
    let borrowed: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let headers = HeaderList::new(&borrowed);
    let core = match bearer_token::<std::convert::Infallible>(&headers) {
        Ok(token) => Bearer::Token(token.to_vec()),
        Err(Credentials::Absent) => Bearer::Absent,
        Err(Credentials::Malformed) => Bearer::Malformed,
        Err(Credentials::Invalid) => Bearer::Invalid,
        Err(Credentials::Verified(never)) => match never {},
    };
    assert_eq!(core, bearer(&fields));
});

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;

use rustls::CertificateError;

/// Why a connection failed, in words of this machine: nothing that the server says is among them.
#[derive(Debug)]
pub struct ConnectJwksError(String);

impl ConnectJwksError {
    pub(super) fn new(error: &hyper_util::client::legacy::Error) -> Self {
        let causes = iter::successors(Some(error as &dyn Error), |error| (*error).source());
        let causes: Vec<_> = causes.map(describe).collect();
        Self(causes.join(": "))
    }
}

impl fmt::Display for ConnectJwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ConnectJwksError {}

fn describe(error: &(dyn Error + 'static)) -> String {
    match innermost(error).downcast_ref() {
        // Its text has the names that the certificate has, line ends and all.
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })) => {
            "the certificate is for other names".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What I/O errors are wrapped around: they speak for it, and name as source what stands behind it.
fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or(error, |wrapped| innermost(wrapped))
}

//! The tables `[[jwt.keys]]`.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::config::values::read;
use crate::{JwtConfigError, KeyAlgorithm, VerificationKey};

tenancy_core::config::settings! {
    /// A table `[[jwt.keys]]`: one key. It has exactly one of `secret_file`, `secret` and
    /// `public_key_file`.
    pub struct JwtKeyConfig {
        /// The name by which tokens choose the key. Required where there are several.
        pub kid: Option<String> = None,
        /// The key's one algorithm. Required.
        pub algorithm: Option<KeyAlgorithm> = None,
        /// A file that holds the secret, as it is, less one line end behind it.
        pub secret_file: Option<PathBuf> = None,
        /// The secret itself. A file is safer.
        pub secret: Option<SecretString> = None,
        /// A file that holds the public key as PEM.
        pub public_key_file: Option<PathBuf> = None,
    }
}

impl JwtKeyConfig {
    /// `setting` is the name of this table.
    pub(crate) fn load(&self, setting: &str, base_dir: &Path) -> Result<VerificationKey, JwtConfigError> {
        let algorithm = self.algorithm.ok_or_else(|| JwtConfigError::Required {
            setting: format!("{setting}.algorithm"),
            expected: "one of `HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, \
                       `ES256`, `ES384`, `EdDSA`",
        })?;
        let kid = self.kid.as_deref();
        let refuse = |problem| JwtConfigError::Key {
            setting: setting.to_owned(),
            problem,
        };
        match (&self.public_key_file, algorithm.is_symmetric()) {
            (Some(file), false) if self.secret.is_none() && self.secret_file.is_none() => {
                let pem = read(&format!("{setting}.public_key_file"), &base_dir.join(file))?;
                VerificationKey::public_pem(kid, algorithm, &pem).map_err(refuse)
            }
            (None, true) => VerificationKey::hmac(kid, algorithm, &self.secret(setting, base_dir)?).map_err(refuse),
            (_, false) => Err(JwtConfigError::Required {
                setting: setting.to_owned(),
                expected: "`public_key_file` alone, since the algorithm is not an HMAC",
            }),
            (_, true) => Err(JwtConfigError::Required {
                setting: setting.to_owned(),
                expected: "`secret_file` or `secret` alone, since the algorithm is an HMAC",
            }),
        }
    }

    pub(super) fn secret(&self, setting: &str, base_dir: &Path) -> Result<SecretSlice<u8>, JwtConfigError> {
        match (&self.secret_file, &self.secret, &self.public_key_file) {
            (Some(file), None, None) => {
                let bytes = read(&format!("{setting}.secret_file"), &base_dir.join(file))?;
                let secret = bytes.strip_suffix(b"\r\n").or(bytes.strip_suffix(b"\n"));
                Ok(secret.unwrap_or(&bytes).to_vec().into())
            }
            (None, Some(secret), None) => Ok(secret.expose_secret().as_bytes().to_vec().into()),
            _ => Err(JwtConfigError::Required {
                setting: setting.to_owned(),
                expected: "exactly one of `secret_file` and `secret`",
            }),
        }
    }
}

//! The tables `[[jwt.issuers]]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(feature = "jwks")]
use crate::config::values::read;
use crate::config::values::{choose, contradiction, not_empty};
#[cfg(feature = "jwks")]
use crate::{HttpsJwks, HttpsJwksError, RemoteJwks};
use crate::{JwksFile, JwtConfigError, JwtKeyConfig, KeyAlgorithm, KeySource, TrustedIssuer};

tenancy_core::config::settings! {
    /// A table `[[jwt.issuers]]`: one issuer, and where its keys come from. It has exactly one of `keys`,
    /// `jwks_file`, `jwks_url` and `discovery`.
    pub struct JwtIssuerConfig {
        /// The `iss` of its tokens. Required, unless there is a template.
        pub issuer: Option<String> = None,
        /// The `iss` of the tokens of an issuer that has a name for each tenant, with `{tenant}` in the place
        /// of the tenant that the tenant claim names. Default: none.
        pub issuer_template: Option<String> = None,
        /// The `aud` of its tokens. Required, unless any is accepted.
        pub audience: Option<String> = None,
        /// Accepts its tokens for any audience. Default: `false`.
        pub dangerously_accept_any_audience: bool = false,
        /// The tenants that it may speak for, as the tenant claim spells them. Default: all.
        pub tenants: Option<Vec<String>> = None,
        /// Its keys, as in `[[jwt.keys]]`.
        pub keys: Vec<JwtKeyConfig> = Vec::new(),
        /// A file that holds its key set, and is read again when it changes.
        pub jwks_file: Option<PathBuf> = None,
        /// The address of its key set, `https`. Needs the feature `jwks`.
        pub jwks_url: Option<String> = None,
        /// Whether the issuer itself is asked where its key set is. Needs the feature `jwks`.
        pub discovery: bool = false,
        /// The algorithms of the keys in a key set. One without `alg` has the first that fits. Default: all
        /// of public keys, `RS256` first.
        pub algorithms: Option<Vec<KeyAlgorithm>> = None,
        /// After how many seconds the key set is looked at again. Default: 10 for a file; 300 for what is
        /// fetched, unless the issuer says otherwise.
        pub refresh_seconds: Option<u64> = None,
        /// For how many seconds the keys that were fetched are used while the issuer cannot be reached.
        /// Default: 86400.
        pub maximum_age_seconds: Option<u64> = None,
        /// A file of PEM certificates that the issuer's server is trusted by, in place of the system's.
        pub root_certificates_file: Option<PathBuf> = None,
        /// Accepts addresses that are `http`: for tests. Default: `false`.
        pub dangerously_allow_http: bool = false,
    }
}

impl JwtIssuerConfig {
    /// `table` is the name of this table.
    pub(crate) fn load(&self, table: &str, base_dir: &Path) -> Result<TrustedIssuer, JwtConfigError> {
        let setting = |name: &str| format!("{table}.{name}");
        let (name, issuer) = match (&self.issuer, &self.issuer_template) {
            (issuer, None) => ("issuer", issuer.as_deref().unwrap_or_default()),
            (None, Some(template)) => ("issuer_template", template.as_str()),
            (Some(_), Some(_)) => return Err(contradiction(&setting("issuer"), &setting("issuer_template"))),
        };
        let issuer = not_empty(&setting(name), issuer)?;
        let audience = choose(
            &setting("audience"),
            self.audience.as_deref(),
            &setting("dangerously_accept_any_audience"),
            self.dangerously_accept_any_audience,
        )?;
        let keys = self.keys(table, issuer, base_dir)?;
        let trusted = match self.issuer_template {
            Some(_) => TrustedIssuer::per_tenant(issuer, keys),
            None => TrustedIssuer::new(issuer, keys),
        };
        let trusted = match audience {
            Some(audience) => trusted.with_audience(audience),
            None => trusted.dangerously_accept_any_audience(),
        };
        Ok(match &self.tenants {
            Some(tenants) => trusted.with_tenants(tenants),
            None => trusted,
        })
    }

    fn keys(&self, table: &str, issuer: &str, base_dir: &Path) -> Result<KeySource, JwtConfigError> {
        let sources = [
            ("keys", !self.keys.is_empty()),
            ("jwks_file", self.jwks_file.is_some()),
            ("jwks_url", self.jwks_url.is_some()),
            ("discovery", self.discovery),
        ];
        let mut sources = sources
            .into_iter()
            .filter_map(|(name, is_given)| is_given.then_some(name));
        let source = sources.next().ok_or_else(|| JwtConfigError::Required {
            setting: table.to_owned(),
            expected: "one of `keys`, `jwks_file`, `jwks_url` and `discovery = true`",
        })?;
        if let Some(other) = sources.next() {
            return Err(contradiction(&format!("{table}.{source}"), &format!("{table}.{other}")));
        }
        if self.discovery && self.issuer_template.is_some() {
            // Nobody is asked at an address that a token had a part in.
            return Err(contradiction(
                &format!("{table}.discovery"),
                &format!("{table}.issuer_template"),
            ));
        }
        self.refuse_idle(table, source)?;
        match (&self.jwks_file, self.keys.is_empty()) {
            (Some(file), _) => self.file(table, &base_dir.join(file)),
            (None, true) => self.remote(table, source, issuer, base_dir),
            (None, false) => {
                let keys = self.keys.iter().enumerate();
                let load = |(index, key): (usize, &JwtKeyConfig)| key.load(&format!("{table}.keys[{index}]"), base_dir);
                Ok(keys.map(load).collect::<Result<Vec<_>, _>>()?.into())
            }
        }
    }

    /// A setting that has no effect on this source would be believed to have one.
    fn refuse_idle(&self, table: &str, source: &str) -> Result<(), JwtConfigError> {
        let (is_set, is_remote) = (source != "keys", matches!(source, "jwks_url" | "discovery"));
        let settings = [
            ("algorithms", self.algorithms.is_some(), is_set),
            ("refresh_seconds", self.refresh_seconds.is_some(), is_set),
            ("maximum_age_seconds", self.maximum_age_seconds.is_some(), is_remote),
            (
                "root_certificates_file",
                self.root_certificates_file.is_some(),
                is_remote,
            ),
            ("dangerously_allow_http", self.dangerously_allow_http, is_remote),
        ];
        match settings
            .into_iter()
            .find(|(_, is_given, is_used)| *is_given && !is_used)
        {
            Some((name, ..)) => Err(contradiction(&format!("{table}.{name}"), &format!("{table}.{source}"))),
            None => Ok(()),
        }
    }

    fn file(&self, table: &str, path: &Path) -> Result<KeySource, JwtConfigError> {
        let mut file = JwksFile::builder(path);
        if let Some(algorithms) = &self.algorithms {
            file = file.with_algorithms(algorithms.iter().copied());
        }
        if let Some(seconds) = self.refresh_seconds {
            file = file.with_check_interval(Duration::from_secs(seconds));
        }
        let file = file.build().map_err(|problem| JwtConfigError::KeySet {
            setting: format!("{table}.jwks_file"),
            path: path.to_owned(),
            problem,
        })?;
        Ok(file.into())
    }

    #[cfg(feature = "jwks")]
    fn remote(&self, table: &str, source: &str, issuer: &str, base_dir: &Path) -> Result<KeySource, JwtConfigError> {
        let mut fetcher = match &self.jwks_url {
            Some(url) => HttpsJwks::at(url),
            None => HttpsJwks::discover(issuer),
        };
        if let Some(file) = &self.root_certificates_file {
            let pem = read(&format!("{table}.root_certificates_file"), &base_dir.join(file))?;
            fetcher = fetcher.with_root_certificates(pem.to_vec());
        }
        if self.dangerously_allow_http {
            fetcher = fetcher.dangerously_allow_http();
        }
        let fetcher = fetcher.build().map_err(|problem| JwtConfigError::Fetch {
            setting: format!("{table}.{}", setting_of(&problem, source)),
            problem: problem.to_string(),
        })?;
        let mut keys = RemoteJwks::builder(fetcher);
        if let Some(algorithms) = &self.algorithms {
            keys = keys.with_algorithms(algorithms.iter().copied());
        }
        if let Some(seconds) = self.refresh_seconds {
            keys = keys.with_refresh_interval(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.maximum_age_seconds {
            keys = keys.with_maximum_age(Duration::from_secs(seconds));
        }
        let keys = keys.build().map_err(|problem| JwtConfigError::Fetch {
            setting: format!("{table}.{source}"),
            problem: problem.to_string(),
        })?;
        Ok(keys.into())
    }

    #[cfg(not(feature = "jwks"))]
    fn remote(&self, table: &str, source: &str, _: &str, _: &Path) -> Result<KeySource, JwtConfigError> {
        Err(JwtConfigError::NeedsFeature {
            setting: format!("{table}.{source}"),
            feature: "jwks",
        })
    }
}

/// The setting that is to blame.
#[cfg(feature = "jwks")]
const fn setting_of<'s>(problem: &HttpsJwksError, source: &'s str) -> &'s str {
    match problem {
        HttpsJwksError::Address(_) => source,
        _ => "root_certificates_file",
    }
}

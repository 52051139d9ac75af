//! The table `[jwt]`.

use std::path::Path;
use std::time::Duration;

use tenancy_core::config::{ClaimName, ConfigError, TenancyConfig};

use crate::config::values::{choose, contradiction, not_empty};
use crate::limits::MAX_LEEWAY;
use crate::{
    JwtConfigError, JwtIssuerConfig, JwtKeyConfig, JwtTokenCacheConfig, KeyAlgorithm, TenantsShape, TokenSigner,
    TokenVerifier, TokenVerifierBuilder,
};

tenancy_core::config::settings! {
    /// The table `[jwt]`: whose tokens are accepted.
    pub struct JwtConfig {
        /// The `iss` of the tokens. Required, unless any is accepted.
        pub issuer: Option<String> = None,
        /// The tenants that the issuer may speak for, as the tenant claim spells them. Default: all.
        pub issuer_tenants: Option<Vec<String>> = None,
        /// Accepts tokens of any issuer. Default: `false`.
        pub dangerously_accept_any_issuer: bool = false,
        /// The `aud` of the tokens. Required, unless any is accepted.
        pub audience: Option<String> = None,
        /// Accepts tokens for any audience. Default: `false`.
        pub dangerously_accept_any_audience: bool = false,
        /// How far the issuer's clock may be off, in seconds. Default: 30. At most 60.
        pub leeway_seconds: u64 = 30,
        /// The `typ` that tokens must have. Default: any.
        pub typ: Option<String> = None,
        /// The claim that has the subject's roles in the tenant of the tenant claim. Default: none.
        pub roles_claim: Option<ClaimName> = None,
        /// How the claim of `enforcement.tenants_claim` lists them: as an `array`, as an object's `names`, or
        /// as the `ids` of an object's members. Default: `array`.
        pub tenants_claim_shape: TenantsShape = TenantsShape::Array,
        /// Accepts tenants that are named by a whole number, such as `"tenant_id": 7`, as if its digits were a
        /// string. Default: `false`.
        pub integer_tenants: bool = false,
        /// The claim that names staff of the platform, by `true`. It opens every tenant. Default: none.
        pub staff_claim: Option<ClaimName> = None,
        /// Lets those write who act in the subject's place, whom a token names in the claim `act`. Default: `false`, they read.
        pub dangerously_let_actors_write: bool = false,
        /// How long a verified token is not verified again.
        pub token_cache: JwtTokenCacheConfig = JwtTokenCacheConfig::default(),
        /// The keys. At least one is required.
        pub keys: Vec<JwtKeyConfig> = Vec::new(),
        /// Issuers with keys of their own, in place of `issuer`, `audience`, `keys` and what belongs to
        /// them. Default: none.
        pub issuers: Vec<JwtIssuerConfig> = Vec::new(),
    }
}

impl JwtConfig {
    /// Reads the keys and prepares a verifier. The claims that name tenants are set on
    /// the builder, as by [`with_claims_of`](TokenVerifierBuilder::with_claims_of).
    /// Paths are relative to `base_dir`, the folder of the configuration file.
    ///
    /// # Errors
    ///
    /// A setting that is missing, contradicts another or cannot be used, or a file that cannot be
    /// read. [`TokenVerifierBuilder::build`] checks what concerns several keys.
    pub fn verifier_builder(&self, base_dir: &Path) -> Result<TokenVerifierBuilder, JwtConfigError> {
        if self.leeway_seconds > MAX_LEEWAY.as_secs() {
            return Err(JwtConfigError::Leeway);
        }
        let mut builder = TokenVerifier::builder()
            .with_leeway(Duration::from_secs(self.leeway_seconds))
            .with_tenants_shape(self.tenants_claim_shape)
            .with_integer_tenants(self.integer_tenants);
        if let Some(typ) = &self.typ {
            builder = builder.with_type(not_empty("jwt.typ", typ)?);
        }
        if let Some(claim) = &self.roles_claim {
            builder = builder.with_roles_claim(claim.path("jwt.roles_claim")?);
        }
        if let Some(claim) = &self.staff_claim {
            builder = builder.with_staff_claim(claim.path("jwt.staff_claim")?);
        }
        if self.dangerously_let_actors_write {
            builder = builder.dangerously_let_actors_write();
        }
        builder = self.token_cache.apply(builder)?;
        if self.issuers.is_empty() {
            return self.with_shared_keys(builder, base_dir);
        }
        self.refuse_shared()?;
        for (index, issuer) in self.issuers.iter().enumerate() {
            builder = builder.with_trusted_issuer(issuer.load(&format!("jwt.issuers[{index}]"), base_dir)?);
        }
        Ok(builder)
    }

    fn with_shared_keys(
        &self,
        builder: TokenVerifierBuilder,
        base_dir: &Path,
    ) -> Result<TokenVerifierBuilder, JwtConfigError> {
        let builder = match (self.chosen_issuer()?, &self.issuer_tenants) {
            (Some(issuer), Some(tenants)) => builder.with_issuer_of(issuer, tenants),
            (Some(issuer), None) => builder.with_issuer(issuer),
            (None, None) => builder.dangerously_accept_any_issuer(),
            (None, Some(_)) => {
                return Err(JwtConfigError::Required {
                    setting: "jwt.issuer".to_owned(),
                    expected: "the issuer that `jwt.issuer_tenants` binds",
                });
            }
        };
        let mut builder = match self.chosen_audience()? {
            Some(audience) => builder.with_audience(audience),
            None => builder.dangerously_accept_any_audience(),
        };
        if self.keys.is_empty() {
            return Err(JwtConfigError::Required {
                setting: "jwt.keys".to_owned(),
                expected: "at least one table `[[jwt.keys]]`",
            });
        }
        for (index, key) in self.keys.iter().enumerate() {
            builder = builder.with_key(key.load(&format!("jwt.keys[{index}]"), base_dir)?);
        }
        Ok(builder)
    }

    /// Beside issuers with keys of their own nobody could tell which issuer these are for.
    fn refuse_shared(&self) -> Result<(), JwtConfigError> {
        let given = [
            ("jwt.issuer", self.issuer.is_some()),
            ("jwt.issuer_tenants", self.issuer_tenants.is_some()),
            ("jwt.dangerously_accept_any_issuer", self.dangerously_accept_any_issuer),
            ("jwt.audience", self.audience.is_some()),
            (
                "jwt.dangerously_accept_any_audience",
                self.dangerously_accept_any_audience,
            ),
            ("jwt.keys", !self.keys.is_empty()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((setting, _)) => Err(contradiction(setting, "jwt.issuers")),
            None => Ok(()),
        }
    }

    /// Reads the first `HS256` key and prepares a signer of tokens that the verifier accepts.
    ///
    /// # Errors
    ///
    /// No such key, or one that cannot be read or used.
    pub fn signer(&self, base_dir: &Path) -> Result<TokenSigner, JwtConfigError> {
        let (index, key) = self
            .keys
            .iter()
            .enumerate()
            .find(|(_, key)| key.algorithm == Some(KeyAlgorithm::Hs256))
            .ok_or(JwtConfigError::NoSigningKey)?;
        let setting = format!("jwt.keys[{index}]");
        let secret = key.secret(&setting, base_dir)?;
        let mut signer = TokenSigner::hs256(key.kid.as_deref(), &secret)
            .map_err(|problem| JwtConfigError::Key { setting, problem })?;
        if let Some(issuer) = self.chosen_issuer()? {
            signer = signer.with_issuer(issuer);
        }
        if let Some(audience) = self.chosen_audience()? {
            signer = signer.with_audience(audience);
        }
        Ok(match &self.typ {
            Some(typ) => signer.with_type(typ),
            None => signer,
        })
    }

    fn chosen_issuer(&self) -> Result<Option<&str>, JwtConfigError> {
        choose(
            "jwt.issuer",
            self.issuer.as_deref(),
            "jwt.dangerously_accept_any_issuer",
            self.dangerously_accept_any_issuer,
        )
    }

    fn chosen_audience(&self) -> Result<Option<&str>, JwtConfigError> {
        choose(
            "jwt.audience",
            self.audience.as_deref(),
            "jwt.dangerously_accept_any_audience",
            self.dangerously_accept_any_audience,
        )
    }
}

impl TokenVerifierBuilder {
    /// Reads the claims that the tables `[resolution]` and `[enforcement]` name: the tenant claim with its
    /// form, and the list claim.
    ///
    /// # Errors
    ///
    /// Fails if the name of a claim is not valid.
    pub fn with_claims_of(self, tenancy: &TenancyConfig) -> Result<Self, ConfigError> {
        let resolution = &tenancy.resolution;
        let claim = resolution.jwt_claim.path("resolution.jwt_claim")?;
        let builder = self.with_tenant_claim(claim, resolution.jwt_claim_form);
        Ok(match &tenancy.enforcement.tenants_claim {
            Some(list) => builder.with_tenants_claim(list.path("enforcement.tenants_claim")?),
            None => builder,
        })
    }
}

//! Verifies bearer tokens without HTTP, as a worker does that takes them from a queue.
//!
//! The first argument is a configuration file with the table `[jwt]`, see `JwtConfig`. Each line of the
//! standard input is a token. With the feature `jwks` the keys may come from `jwks_url` or `discovery`: a token of a
//! key that is not known yet then waits for the key set to be fetched.
//!
//! ```console
//! $ cat jwt.toml
//! [jwt]
//! issuer = "https://login.example"
//! audience = "notes"
//! keys = [{ algorithm = "HS256", secret_file = "secret" }]
//! $ cargo run -p tenancy-jwt --example verify -- jwt.toml < tokens
//! alice acts in acme
//! refused: the token has expired
//! ```

use std::error::Error;
use std::path::Path;

use serde::Deserialize;
use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{JwtConfig, TokenVerifier};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, stdin};

#[derive(Deserialize)]
struct Config {
    jwt: JwtConfig,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: verify CONFIGURATION < TOKENS")?;
    let path = Path::new(&path);
    let text = std::fs::read_to_string(path)?;
    let verifier = verifier(&text, path.parent().unwrap_or(Path::new(".")))?;
    judge(&verifier, BufReader::new(stdin()), |line| println!("{line}")).await
}

fn verifier(configuration: &str, folder: &Path) -> Result<TokenVerifier, Box<dyn Error>> {
    let Config { jwt } = toml::from_str(configuration)?;
    Ok(jwt.verifier_builder(folder)?.build()?)
}

async fn judge(
    verifier: &TokenVerifier,
    tokens: impl AsyncBufRead + Unpin,
    mut report: impl FnMut(String),
) -> Result<(), Box<dyn Error>> {
    let mut tokens = tokens.lines();
    while let Some(token) = tokens.next_line().await? {
        report(match verifier.verify_refreshing(token.as_bytes()).await {
            Ok(claims) => match claims.tenant() {
                Some(tenant) => format!("{} acts in {}", claims.subject(), tenant.as_str()),
                None => format!("{} names no tenant", claims.subject()),
            },
            Err(error) => format!("refused: {error}"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tenancy_core::names::Subject;
    use tenancy_core::request::ClaimPath;
    use tenancy_jwt::TokenSigner;

    use super::*;

    #[tokio::test]
    async fn each_token_is_verified_or_refused() {
        let secret = "a secret of thirty-two bytes, ok";
        let configuration = format!(
            "[jwt]\nissuer = 'https://login.example'\naudience = 'notes'\n\
             keys = [{{ algorithm = 'HS256', secret = '{secret}' }}]"
        );
        let verifier = verifier(&configuration, Path::new(".")).unwrap();
        let signer = |audience: &str| {
            TokenSigner::hs256(None, &secret.as_bytes().to_vec().into())
                .unwrap()
                .with_issuer("https://login.example")
                .with_audience(audience)
        };
        let (alice, claim): (Subject, _) = ("alice".parse().unwrap(), ClaimPath::literal("tenant_id").unwrap());
        let sign = |audience, tenant| signer(audience).sign(&alice, tenant, &claim, 60).unwrap();
        let tokens = [
            sign("notes", Some("acme")),
            sign("notes", None),
            sign("mail", Some("acme")),
        ]
        .join("\n");
        let mut reports = Vec::new();
        judge(&verifier, tokens.as_bytes(), |report| reports.push(report))
            .await
            .unwrap();
        let [first, second, third] = reports.as_slice() else {
            panic!("{reports:?}")
        };
        assert_eq!(
            (first.as_str(), second.as_str()),
            ("alice acts in acme", "alice names no tenant")
        );
        assert_eq!(third, "refused: the token's `aud` has no configured audience");
    }
}

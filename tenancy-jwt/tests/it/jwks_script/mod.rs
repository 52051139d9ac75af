//! A scripted issuer, and a verifier of its tokens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tenancy_core::clock::ManualClock;
use tenancy_core::request::Claims;
use tenancy_jwt::{FetchedJwks, JwksFetcher, RemoteJwks, RemoteJwksBuilder, TokenError, TokenVerifier, TrustedIssuer};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::jwks_support::{jwks, named, p256, rsa, sign};
use crate::token_support::{AUDIENCE, ISSUER};

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With its `max-age`, in seconds.
    Document(String, Option<u64>),
    Down,
    Hangs,
    /// The answer, once it is let go.
    Held(Arc<Notify>, Box<Self>),
    Panics,
}

pub(crate) struct Script {
    answer: Mutex<Answer>,
    /// When it was asked.
    asked: watch::Sender<Vec<Instant>>,
}

#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Script {
    pub(crate) fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(answer),
            asked: watch::Sender::new(Vec::new()),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.borrow().len()
    }
}

impl JwksFetcher for Script {
    type Error = Down;

    fn name(&self) -> &str {
        "script"
    }

    async fn fetch(&self) -> Result<FetchedJwks, Down> {
        self.asked.send_modify(|asked| asked.push(Instant::now()));
        let mut answer = self.answer.lock().unwrap().clone();
        loop {
            answer = match answer {
                Answer::Document(document, None) => return Ok(FetchedJwks::new(document.into())),
                Answer::Document(document, Some(seconds)) => {
                    return Ok(FetchedJwks::new(document.into()).with_max_age(Duration::from_secs(seconds)));
                }
                Answer::Down => return Err(Down),
                Answer::Hangs => pending().await,
                Answer::Held(held, answer) => {
                    held.notified().await;
                    *answer
                }
                Answer::Panics => panic!("as it was told"),
            };
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Verified,
    Invalid,
    /// Not told at once.
    Waits,
    /// Nobody can tell: over HTTP a 503.
    Unavailable,
}

pub(crate) struct Fixture {
    script: Arc<Script>,
    pub(crate) clock: Arc<ManualClock>,
    verifier: TokenVerifier,
}

impl Fixture {
    pub(crate) fn new(answer: Answer) -> Self {
        Self::with(answer, |builder| builder)
    }

    pub(crate) fn with(
        answer: Answer,
        change: impl FnOnce(RemoteJwksBuilder<Arc<Script>>) -> RemoteJwksBuilder<Arc<Script>>,
    ) -> Self {
        let (script, clock) = (Script::new(answer), Arc::new(ManualClock::new()));
        let builder = RemoteJwks::builder(Arc::clone(&script)).with_clock(Arc::clone(&clock));
        let keys = change(builder).build().unwrap();
        let issuer = TrustedIssuer::new(ISSUER, keys).with_audience(AUDIENCE);
        let verifier = TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap();
        Self {
            script,
            clock,
            verifier,
        }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.script.answer.lock().unwrap() = answer;
    }

    pub(crate) fn count(&self) -> usize {
        self.script.count()
    }

    /// Waits until that many fetches have begun. One that is answered at once is over by then.
    pub(crate) async fn fetches(&self, count: usize) -> Vec<Instant> {
        let mut asked = self.script.asked.subscribe();
        asked.wait_for(|asked| asked.len() >= count).await.unwrap().clone()
    }

    pub(crate) fn now(&self, alg: &str, kid: &str) -> Outcome {
        self.now_token(&token(alg, kid))
    }

    pub(crate) async fn ask(&self, alg: &str, kid: &str) -> Outcome {
        self.ask_token(&token(alg, kid)).await
    }

    pub(crate) fn now_token(&self, token: &str) -> Outcome {
        match self.verifier.verify_now(token.as_bytes()) {
            None => Outcome::Waits,
            Some(verified) => outcome(&verified),
        }
    }

    pub(crate) async fn ask_token(&self, token: &str) -> Outcome {
        outcome(&self.verifier.verify_refreshing(token.as_bytes()).await)
    }

    pub(crate) fn drop_verifier(self) -> Arc<Script> {
        self.script
    }
}

fn outcome(verified: &Result<Arc<Claims>, TokenError>) -> Outcome {
    match verified {
        Ok(_) => Outcome::Verified,
        Err(TokenError::KeysUnavailable) => Outcome::Unavailable,
        Err(_) => Outcome::Invalid,
    }
}

/// A token that holds for long by the system's clock.
pub(crate) fn token(alg: &str, kid: &str) -> String {
    sign(alg, Some(kid), &["exp=4000000000"])
}

pub(crate) fn good(keys: &[Value]) -> Answer {
    Answer::Document(jwks(keys), None)
}

pub(crate) fn one() -> Answer {
    good(&[named(rsa(), "a")])
}

pub(crate) fn two() -> Answer {
    good(&[named(rsa(), "a"), named(p256(), "b")])
}

//! Sessions of impersonation that are in a server's directory, as if they had been granted and redeemed there.

use std::str::FromStr;

use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tenancy_corpus::{Session, SessionState};

use crate::client::token::now_plus;
use crate::service::server::Folder;

/// Puts them there, each with its secret. One that is ended is in no directory any more.
pub(crate) fn plant<'s>(folder: &Folder, sessions: impl Iterator<Item = (&'s str, &'s Session)>) {
    let rows: Vec<String> = sessions
        .filter(|(_, session)| session.state != SessionState::Ended)
        .map(|(secret, session)| row(secret, session))
        .collect();
    if rows.is_empty() {
        return;
    }
    let sql = format!(
        "insert into tenancy_impersonations (id, tenant, actor, subject, issuer, reason, grant_digest, session_digest, \
         expires_at, redeemed_at) values {}",
        rows.join(", ")
    );
    let sql = AssertSqlSafe(sql);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        match folder.postgres_url() {
            Some(url) => {
                let mut connection = PgConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            None => {
                let file = folder.path().join("data/directory.sqlite");
                let options = SqliteConnectOptions::new().filename(file);
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    });
}

fn row(secret: &str, session: &Session) -> String {
    let digest = format!("{:x}", Sha256::digest(secret));
    let (subject, issuer) = match &session.subject {
        Some(subject) => (format!("'{subject}'"), "''"),
        None => ("null".to_owned(), "null"),
    };
    let expires_at = match session.state {
        SessionState::Expired => now_plus(-1),
        _ => now_plus(3_600),
    };
    let Session { tenant, actor, .. } = session;
    let id = digest.get(..32).unwrap();
    format!("('{id}', '{tenant}', '{actor}', {subject}, {issuer}, 'a row', 'of {digest}', '{digest}', {expires_at}, 1)")
}

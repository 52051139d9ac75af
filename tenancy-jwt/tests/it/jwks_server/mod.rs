//! A local server with scripted answers, over TLS or without.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tenancy_jwt::{FetchJwksError, FetchedJwks, HttpsJwks, HttpsJwksBuilder, JwksFetcher};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What is said to a request for a path.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    /// The bytes, then a letter every while, and no end.
    Drip(Vec<u8>),
    /// The bytes, then as many as the reader takes.
    Flood(Vec<u8>),
    Nothing,
}

impl Reply {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::with("200 OK", "content-type: application/json\r\n", body)
    }

    pub(crate) fn with(status: &str, fields: &str, body: impl Into<String>) -> Self {
        let body = body.into();
        let length = body.len();
        Self::Bytes(format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n{body}").into_bytes())
    }
}

type Replies = Arc<Mutex<Vec<(String, Reply)>>>;

/// Stopped when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The certificate that it is trusted by.
    pub(crate) root: String,
    replies: Replies,
    /// The heads of the requests.
    asked: watch::Sender<Vec<String>>,
    open: watch::Sender<usize>,
    _connections: JoinSet<()>,
}

impl Server {
    /// One that shows a certificate for `127.0.0.1`.
    pub(crate) async fn tls() -> Self {
        Self::start("127.0.0.1", true).await
    }

    pub(crate) async fn start(certified_name: &str, is_tls: bool) -> Self {
        let certificate = CertificateParams::new([certified_name.to_owned()]).unwrap();
        Self::listen("127.0.0.1:0", certificate, is_tls).await
    }

    /// One that shows this certificate, signed by itself.
    pub(crate) async fn listen(address: &str, certificate: CertificateParams, is_tls: bool) -> Self {
        let key_pair = KeyPair::generate().unwrap();
        let certificate = certificate.self_signed(&key_pair).unwrap();
        let root = certificate.pem();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pair.serialize_der()));
        let certificate: CertificateDer<'static> = certificate.der().clone();
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = is_tls.then(|| TlsAcceptor::from(Arc::new(tls)));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (replies, asked) = (Replies::default(), watch::Sender::new(Vec::new()));
        let open = watch::Sender::new(0);
        let mut connections = JoinSet::new();
        connections.spawn(serve(
            listener,
            acceptor,
            Arc::clone(&replies),
            asked.clone(),
            open.clone(),
        ));
        Self {
            address,
            root,
            replies,
            asked,
            open,
            _connections: connections,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Says this from now on to requests for a path. To others it says 404.
    pub(crate) fn say(&self, path: &str, reply: Reply) {
        let mut replies = self.replies.lock().unwrap();
        replies.retain(|(other, _)| other != path);
        replies.push((path.to_owned(), reply));
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        let path = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.borrow().iter().map(path).collect()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Waits until no connection is open any more.
    pub(crate) async fn is_idle(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == 0).await.unwrap();
    }

    /// Waits until that many requests have come.
    pub(crate) async fn requests(&self, count: usize) {
        let mut asked = self.asked.subscribe();
        asked.wait_for(|asked| asked.len() >= count).await.unwrap();
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    replies: Replies,
    asked: watch::Sender<Vec<String>>,
    open: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, replies, asked) = (acceptor.clone(), Arc::clone(&replies), asked.clone());
        open.send_modify(|open| *open += 1);
        let open = open.clone();
        connections.spawn(async move {
            // What fails here is seen by the client.
            let _ = match acceptor {
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => answer(stream, &replies, &asked).await,
                    Err(error) => Err(error),
                },
                None => answer(stream, &replies, &asked).await,
            };
            open.send_modify(|open| *open -= 1);
        });
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    replies: &Replies,
    asked: &watch::Sender<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if !b"GET ".starts_with(&head) && !head.starts_with(b"GET ") {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let reply = replies
        .lock()
        .unwrap()
        .iter()
        .find(|(other, _)| *other == path)
        .cloned();
    asked.send_modify(|asked| asked.push(head));
    match reply.map(|(_, reply)| reply) {
        Some(Reply::Bytes(bytes)) => stream.write_all(&bytes).await?,
        Some(Reply::Drip(bytes)) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Some(Reply::Flood(bytes)) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        // Until the client is gone.
        Some(Reply::Nothing) => while stream.read(&mut [0; 64]).await? > 0 {},
        None => {
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                .await?
        }
    }
    stream.flush().await?;
    stream.shutdown().await
}

pub(crate) fn at(server: &Server, path: &str) -> HttpsJwksBuilder {
    HttpsJwks::at(server.url(path)).with_root_certificates(server.root.as_str())
}

pub(crate) async fn fetch(builder: HttpsJwksBuilder) -> Result<FetchedJwks, FetchJwksError> {
    builder.build().unwrap().fetch().await
}

//! A client that holds one connection, of either HTTP version.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// No test takes this long: it ends those that would hang.
const BOUND: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];
}

/// One connection.
pub(crate) enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a field that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// The names in `Vary`, of all its fields, sorted.
    pub(crate) fn varies_by(&self) -> Vec<String> {
        let values = self.headers.get_all("vary").iter();
        let names = values.flat_map(|value| value.to_str().unwrap().split(','));
        let mut names: Vec<_> = names.map(|name| name.trim().to_ascii_lowercase()).collect();
        names.sort();
        names
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, protocol: Protocol) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection.with_upgrades());
                Self::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        }
    }

    /// Sends without waiting for the body of the answer.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        match self {
            Self::Http1(sender) => {
                request.headers_mut().insert("host", "localhost".parse().unwrap());
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                let uri = format!("http://localhost{}", request.uri());
                *request.uri_mut() = uri.parse().unwrap();
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> Answer {
        let (parts, body) = self.exchange(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The status and the body of the answer to a GET.
    pub(crate) async fn get(&mut self, path: &str, tenant: Option<&str>) -> (u16, String) {
        let answer = self.send(member(path, tenant)).await;
        (answer.status, answer.body)
    }

    /// Another sender of requests on the same HTTP/2 connection.
    pub(crate) fn share(&self) -> Self {
        match self {
            Self::Http1(_) => panic!("an HTTP/1.1 connection has one request at a time"),
            Self::Http2(sender) => Self::Http2(sender.clone()),
        }
    }
}

/// A GET of the tenant's member, or of nobody for no tenant.
pub(crate) fn member(path: &str, tenant: Option<&str>) -> Request<Empty<Bytes>> {
    let mut request = Request::get(path).body(Empty::new()).unwrap();
    if let Some(tenant) = tenant {
        let member = match tenant {
            "acme" => "Bearer alice",
            _ => "Bearer bob",
        };
        let headers = request.headers_mut();
        headers.insert("x-tenant-id", tenant.parse().unwrap());
        headers.insert("authorization", member.parse().unwrap());
    }
    request
}

/// Runs a test on one thread: what a task leaves behind there, the next one finds.
pub(crate) fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(bounded(test))
}

/// Runs a test on several threads: tasks move between them where they wait.
pub(crate) fn on_threads<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(bounded(test))
}

async fn bounded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, test).await.unwrap()
}

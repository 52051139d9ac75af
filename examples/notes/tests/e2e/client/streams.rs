//! HTTP/2 with prior knowledge, on the port that speaks HTTP/1.1: requests as streams of one connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, Uri, Version};
use tenancy_corpus::Http2Request;
use tokio::runtime::Runtime;

use crate::client::raw::Response;

const TIMEOUT: Duration = Duration::from_secs(20);

/// How many streams are under way at one time. At its own limit, of 100, a server may refuse a stream that the client
/// thinks is within it.
const WAVE: usize = 50;

/// One connection.
pub(crate) struct Streams {
    runtime: Runtime,
    client: SendRequest<Bytes>,
}

impl Streams {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address)
                .await
                .expect("the server listens");
            stream.set_nodelay(true).unwrap();
            let (client, connection) = h2::client::handshake(stream).await.expect("the server speaks HTTP/2");
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    /// One request and its response, or how the server ended the stream without one.
    pub(crate) fn exchange(&self, request: http::Request<Bytes>) -> Result<Response, h2::Error> {
        self.runtime.block_on(exchange(self.client.clone(), request))
    }

    /// Requests of which many are under way at one time, and the responses in the order of the requests.
    pub(crate) fn exchange_all(&self, requests: Vec<http::Request<Bytes>>) -> Vec<Response> {
        let mut requests = requests.into_iter();
        let mut responses = Vec::new();
        self.runtime.block_on(async {
            loop {
                let wave = requests.by_ref().take(WAVE);
                let wave: Vec<_> = wave
                    .map(|request| tokio::spawn(exchange(self.client.clone(), request)))
                    .collect();
                if wave.is_empty() {
                    break;
                }
                for response in wave {
                    responses.push(response.await.unwrap().expect("a response"));
                }
            }
        });
        responses
    }
}

async fn exchange(client: SendRequest<Bytes>, request: http::Request<Bytes>) -> Result<Response, h2::Error> {
    let response = tokio::time::timeout(TIMEOUT, receive(client, request));
    response.await.expect("an answer in time")
}

async fn receive(client: SendRequest<Bytes>, request: http::Request<Bytes>) -> Result<Response, h2::Error> {
    let mut client = client.ready().await?;
    let (parts, body) = request.into_parts();
    let (response, mut sending) = client.send_request(http::Request::from_parts(parts, ()), body.is_empty())?;
    if !body.is_empty() {
        sending.send_data(body, true)?;
    }
    let (parts, mut receiving) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = receiving.data().await {
        let chunk = chunk?;
        body.extend_from_slice(&chunk);
        receiving.flow_control().release_capacity(chunk.len())?;
    }
    let trailers = receiving.trailers().await?;
    assert!(trailers.is_none(), "nothing follows a body: {trailers:?}");
    let fields = parts.headers.iter().map(|(name, value)| {
        let value = value.to_str().expect("the server sends ASCII");
        (name.to_string(), value.to_owned())
    });
    let status_line = format!("HTTP/2 {}", parts.status.as_u16());
    Ok(Response::new(
        status_line,
        parts.status.as_u16(),
        fields.collect(),
        body,
    ))
}

/// A request as `h2` sends it. `None` for what it cannot be made to send: bytes that no URI and no field has.
pub(crate) fn request(said: &Http2Request) -> Option<http::Request<Bytes>> {
    let mut uri = http::uri::Parts::default();
    if let Some(authority) = &said.authority {
        uri.authority = Some(Authority::try_from(authority.as_slice()).ok()?);
    }
    if let Some(path) = &said.path {
        uri.path_and_query = Some(PathAndQuery::try_from(path.as_bytes()).ok()?);
    }
    if uri.authority.is_some() && uri.path_and_query.is_some() {
        uri.scheme = Some(said.scheme.parse().unwrap());
    }
    // Without an authority it goes without `:authority`, which `h2` does for other versions only.
    let version = match uri.authority {
        Some(_) => Version::HTTP_2,
        None => Version::HTTP_11,
    };
    let mut request = http::Request::new(Bytes::new());
    *request.method_mut() = Method::from_bytes(said.method.as_bytes()).ok()?;
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = version;
    for (name, value) in &said.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}

//! A server on a thread of its own.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use poem::listener::TcpAcceptor;
use tokio::sync::oneshot;
use tower::Service;

use crate::measure::runtime;

/// Runs until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Of hyper, whatever framework the service is of.
    pub(super) fn of_service<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::start(async move |listener| {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let service = TowerToHyperService::new(service);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                // A client that goes away is the end of a row.
                tokio::spawn(async move { served.await.unwrap_or_default() });
            }
        })
    }

    /// Of poem, as its users start it.
    pub(super) fn of_endpoint(endpoint: impl poem::Endpoint + 'static) -> Self {
        Self::start(async move |listener| {
            let acceptor = TcpAcceptor::from_std(listener).unwrap();
            poem::Server::new_with_acceptor(acceptor).run(endpoint).await.unwrap();
        })
    }

    fn start(serve: impl AsyncFnOnce(TcpListener) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

//! The server under every framework: HTTP/1.1 and HTTP/2 on one port, with a bound on everything that
//! a client can make it wait for or hold.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How many connections are open at once; others wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How many requests of one HTTP/2 connection are under way at once.
const MAX_STREAMS: u32 = 100;

/// How long a client may take to send the head of a request, the silence before it included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection may be silent, and how long a client may leave an answer unread.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a silent HTTP/2 client is asked whether it is still there, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// How long requests under way may take once the server has been told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` resolves, then lets requests under way end. `kill` ends that at once.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    stop: impl Future<Output = ()>,
    kill: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<Error>, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Error>> + Send + 'static,
{
    let (builder, graceful) = (builder(), GracefulShutdown::new());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let accepting = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            (place, accepted) = accepting => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    tracing::error!("accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are small and whole: waiting for more of them costs 40 ms and gains nothing.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("set TCP_NODELAY: {error}");
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(IDLE_TIMEOUT));
        stream.set_write_timeout(Some(IDLE_TIMEOUT));
        let connection = builder
            .serve_connection(
                TokioIo::new(Box::pin(stream)),
                TowerToHyperService::new(service.clone()),
            )
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended early: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    tracing::info!("stopping");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = kill => {}
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("connections still open after {} s are cut off", GRACE.as_secs());
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

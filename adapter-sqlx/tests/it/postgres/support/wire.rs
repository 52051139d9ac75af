//! A way to the server that counts round trips.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// A way to the server that counts.
pub(crate) struct Wire {
    port: u16,
    flights: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
}

impl Wire {
    pub(crate) fn to(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = (server.get_host().to_owned(), server.get_port());
        let (flights, connections) = (Arc::default(), Arc::new(AtomicU64::new(0)));
        let (counted, opened) = (Arc::clone(&flights), Arc::clone(&connections));
        // It ends with the process, and each connection with its client.
        thread::spawn(move || {
            for client in listener.incoming() {
                opened.fetch_add(1, Ordering::SeqCst);
                carry(client.unwrap(), TcpStream::connect(&server).unwrap(), &counted);
            }
        });
        Self {
            port,
            flights,
            connections,
        }
    }

    pub(crate) fn of(&self, application: PgConnectOptions) -> PgConnectOptions {
        let here = application.host("127.0.0.1").port(self.port);
        here.ssl_mode(PgSslMode::Disable)
    }

    /// How often the client has spoken after the server had: each is a round trip.
    pub(crate) fn flights(&self) -> u64 {
        self.flights.load(Ordering::SeqCst)
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// The same as [`flights`](Self::flights), once nobody speaks any more: the last word of a connection that is closed is not answered.
    pub(crate) async fn settled_flights(&self) -> u64 {
        let mut before = self.flights();
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = self.flights();
            if now == before {
                return now;
            }
            before = now;
        }
    }
}

fn carry(client: TcpStream, server: TcpStream, flights: &Arc<AtomicU64>) {
    let has_server_spoken = Arc::new(AtomicBool::new(true));
    let (spoken, flights) = (Arc::clone(&has_server_spoken), Arc::clone(flights));
    pipe(client.try_clone().unwrap(), server.try_clone().unwrap(), move || {
        if has_server_spoken.swap(false, Ordering::SeqCst) {
            flights.fetch_add(1, Ordering::SeqCst);
        }
    });
    pipe(server, client, move || spoken.store(true, Ordering::SeqCst));
}

/// Says that bytes have come before it hands them on.
fn pipe(mut from: TcpStream, mut to: TcpStream, mut hear: impl FnMut() + Send + 'static) {
    thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            hear();
            if to.write_all(bytes.get(..read).unwrap_or_default()).is_err() {
                break;
            }
        }
        // Either may have gone already.
        let _ = to.shutdown(Shutdown::Both);
    });
}

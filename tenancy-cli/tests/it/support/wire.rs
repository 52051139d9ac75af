//! A way to the PostgreSQL server that ends the process which uses it, at a statement that the test chooses.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Whether the statement at which the process ends still reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastStatement {
    /// The server runs it, and the process does not learn what came of it.
    Sent,
    /// It is held back.
    HeldBack,
}

#[derive(Default)]
struct Count {
    /// Statements that change something, since one was chosen.
    statements: AtomicU64,
    /// Connections, since one was chosen.
    connections: AtomicU64,
    /// At this one the process is to end.
    chosen: AtomicU64,
    sends_last: AtomicBool,
    is_reached: Mutex<bool>,
    reached: Condvar,
}

/// The way.
pub(crate) struct Wire {
    port: u16,
    count: Arc<Count>,
}

impl Wire {
    pub(crate) fn to(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (server, count) = (
            (server.get_host().to_owned(), server.get_port()),
            Arc::<Count>::default(),
        );
        let shared = Arc::clone(&count);
        // It ends with the test, and each connection with its client.
        thread::spawn(move || {
            for client in listener.incoming() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                carry(client.unwrap(), TcpStream::connect(&server).unwrap(), &shared);
            }
        });
        Self { port, count }
    }

    /// The URL, by this way.
    pub(crate) fn of(&self, url: &str) -> String {
        let options: PgConnectOptions = url.parse().unwrap();
        let here = options.host("127.0.0.1").port(self.port).ssl_mode(PgSslMode::Disable);
        here.to_url_lossy().to_string()
    }

    /// Counts from the start again, and is reached at this statement; the first is 1.
    pub(crate) fn choose(&self, statement: u64, last: LastStatement) {
        *self.count.is_reached.lock().unwrap() = false;
        self.count.statements.store(0, Ordering::SeqCst);
        self.count.connections.store(0, Ordering::SeqCst);
        self.count
            .sends_last
            .store(last == LastStatement::Sent, Ordering::SeqCst);
        self.count.chosen.store(statement, Ordering::SeqCst);
    }

    /// How many statements that change something have passed since one was chosen.
    pub(crate) fn statements(&self) -> u64 {
        self.count.statements.load(Ordering::SeqCst)
    }

    /// How many connections were made since one was chosen.
    pub(crate) fn connections(&self) -> u64 {
        self.count.connections.load(Ordering::SeqCst)
    }

    /// Nothing is chosen any more: all that comes goes through.
    pub(crate) fn let_through(&self) {
        self.choose(u64::MAX, LastStatement::Sent);
    }

    /// Waits a moment for the chosen statement. Whether it has come.
    pub(crate) fn is_reached_within(&self, moment: Duration) -> bool {
        let is_reached = self.count.is_reached.lock().unwrap();
        *self
            .count
            .reached
            .wait_timeout_while(is_reached, moment, |is_reached| !*is_reached)
            .unwrap()
            .0
    }
}

/// What becomes of what a client says.
enum Verdict {
    Passes,
    /// It passes, and nothing after it.
    PassesLast,
    IsHeldBack,
}

impl Count {
    /// Judges what a client says, and counts it where it begins a statement that changes something.
    fn judge(&self, has_server_spoken: bool, bytes: &[u8]) -> Verdict {
        let statement = if has_server_spoken && changes(bytes) {
            self.statements.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            self.statements.load(Ordering::SeqCst)
        };
        let chosen = self.chosen.load(Ordering::SeqCst);
        if statement < chosen {
            Verdict::Passes
        } else if statement == chosen && self.sends_last.swap(false, Ordering::SeqCst) {
            Verdict::PassesLast
        } else {
            Verdict::IsHeldBack
        }
    }

    fn reach(&self) {
        *self.is_reached.lock().unwrap() = true;
        self.reached.notify_all();
    }
}

/// Whether what a client says begins with a statement that changes something: not with one that reads, nor with a session's
/// beginning, its password or its end.
fn changes(bytes: &[u8]) -> bool {
    let sql = match bytes {
        // A message's kind and length; of one that prepares, the name that the statement gets.
        [b'Q', _, _, _, _, sql @ ..] => sql,
        [b'P', _, _, _, _, rest @ ..] => rest.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default(),
        _ => return false,
    };
    let sql = String::from_utf8_lossy(sql).trim_start().to_lowercase();
    let reads = ["begin", "rollback", "select", "set", "show", "reset", "with", "explain"];
    !reads.iter().any(|word| sql.starts_with(word))
}

fn carry(client: TcpStream, server: TcpStream, count: &Arc<Count>) {
    let has_server_spoken = Arc::new(AtomicBool::new(true));
    let (spoken, count) = (Arc::clone(&has_server_spoken), Arc::clone(count));
    let (from_client, to_client) = (client.try_clone().unwrap(), client);
    let (from_server, to_server) = (server.try_clone().unwrap(), server);
    pipe(from_client, to_server, move |bytes, server| {
        let verdict = count.judge(has_server_spoken.swap(false, Ordering::SeqCst), bytes);
        if !matches!(verdict, Verdict::IsHeldBack) {
            server.write_all(bytes)?;
        }
        if !matches!(verdict, Verdict::Passes) {
            count.reach();
        }
        Ok(())
    });
    pipe(from_server, to_client, move |bytes, client| {
        spoken.store(true, Ordering::SeqCst);
        client.write_all(bytes)
    });
}

fn pipe(
    mut from: TcpStream,
    mut to: TcpStream,
    mut hand_on: impl FnMut(&[u8], &mut TcpStream) -> std::io::Result<()> + Send + 'static,
) {
    thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if hand_on(&bytes[..read], &mut to).is_err() {
                break;
            }
        }
        // Either may have gone already.
        let _ = to.shutdown(Shutdown::Both);
    });
}

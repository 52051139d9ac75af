//! The corpus over real sockets: each row by HTTP/1 and by HTTP/2, on every framework.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use serde_json::{Value, json};
use tenancy_corpus::{
    Answer, Case, Claims, Corpus, HostAs, Observed, Runner, SECRET, STAFF_CLAIM, Session, TENANT_CLAIM, TENANTS_CLAIM,
    Tokens, Version,
};

use crate::client::answer::refusal;
use crate::client::raw::{Connection, Response};
use crate::client::streams::{self, Streams};
use crate::client::token::Token;
use crate::service::framework::{FRAMEWORKS, Framework, REFERENCE};
use crate::service::postgres::Database;
use crate::service::server::{Folder, Server};
use crate::service::sessions::plant;

/// How a row goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wire {
    /// As the bytes that it describes.
    Http1,
    /// As a stream of HTTP/2.
    Http2(HostAs),
}

const WIRES: [Wire; 3] = [Wire::Http1, Wire::Http2(HostAs::Authority), Wire::Http2(HostAs::Field)];

/// Responses by row; nothing where the server closed the connection or the stream without one.
type Responses = BTreeMap<String, Option<Response>>;

/// Responses by framework and wire.
type Asked = BTreeMap<(Framework, Wire), Responses>;

/// What every framework answered to every row that a wire can carry. Asked once, for all tests.
static ASKED: LazyLock<(Corpus, Asked)> = LazyLock::new(|| {
    let corpus = Corpus::load().unwrap();
    let responses = ask_all(&corpus);
    (corpus, responses)
});

#[test]
fn by_http1() {
    judge(Wire::Http1, 1223, &[]);
}

/// Less what no `:authority` of a well-behaved client says; as a field, all of it is said.
#[test]
fn by_http2_with_an_authority() {
    judge(Wire::Http2(HostAs::Authority), 1193, &[]);
}

#[test]
fn by_http2_with_a_host_field() {
    judge(Wire::Http2(HostAs::Field), 1177, &[]);
}

/// Not one byte of an answer, less `Date`, tells which framework serves.
#[test]
fn frameworks_answer_alike() {
    let (_, asked) = &*ASKED;
    let mut different = String::new();
    for ((framework, wire), responses) in asked {
        let expected = (REFERENCE, &asked[&(REFERENCE, *wire)]);
        different.push_str(&differences(*wire, expected, (framework, responses)));
    }
    assert!(different.is_empty(), "{different}");
}

/// Nor does one tell which database the directory and the tenants' data are in.
#[test]
fn databases_answer_alike() {
    let (corpus, asked) = &*ASKED;
    let Some(database) = Database::new() else { return };
    let database = Arc::new(database);
    let on_sqlite = &asked[&(REFERENCE, Wire::Http1)];
    let mut on_postgres = Responses::new();
    for (configuration, cases) in by_configuration(corpus) {
        let toml = corpus.configurations()[configuration].to_notes_toml(corpus.tenants());
        // One for all, as the tenants are the same.
        let folder = Folder::new(&toml).in_database(Arc::clone(&database));
        let asked = ask(folder, &[Wire::Http1], &Signed::all(&cases));
        on_postgres.extend(asked.into_values().flatten());
    }
    assert!(on_postgres.keys().eq(on_sqlite.keys()));
    let different = differences(Wire::Http1, ("SQLite", on_sqlite), ("PostgreSQL", &on_postgres));
    assert!(different.is_empty(), "{different}");
}

/// The rows that are answered otherwise, with both answers.
fn differences(wire: Wire, (by, expected): (&str, &Responses), (other, found): (&str, &Responses)) -> String {
    let shown = |response: &Option<Response>| response.as_ref().map(Response::in_order);
    let mut different = String::new();
    for (row, response) in found {
        let (expected, found) = (shown(&expected[row]), shown(response));
        if expected != found {
            different.push_str(&format!("\n{row} by {wire:?}\n{by}: {expected:?}\n{other}: {found:?}"));
        }
    }
    different
}

/// Fails with all rows of a wire that a framework answers wrongly. An exception is a row that the server under all
/// frameworks refuses by itself: the row, the reason, its answer.
fn judge(wire: Wire, floor: usize, exceptions: &[(&str, &'static str, Answer)]) {
    let (corpus, asked) = &*ASKED;
    for framework in FRAMEWORKS {
        println!("on {framework}");
        let responses = &asked[&(framework, wire)];
        let mut runner = Runner::new(corpus, floor).with_filter(|case| responses.contains_key(&case.name));
        for (row, reason, answer) in exceptions {
            runner = runner.with_exception(row, reason, answer.clone());
        }
        runner.run(|case| match &responses[&case.name] {
            Some(response) => observed(case, response),
            None => Answer::Closed.into(),
        });
    }
}

fn by_configuration(corpus: &Corpus) -> BTreeMap<&str, Vec<&Case>> {
    let mut cases: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in corpus.cases() {
        cases.entry(&case.config).or_default().push(case);
    }
    cases
}

/// Asks configuration by configuration: a server of each framework runs for as long as its rows take.
fn ask_all(corpus: &Corpus) -> Asked {
    let waiting = Mutex::new(by_configuration(corpus).into_iter());
    let all = Mutex::new(Asked::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((configuration, cases)) = next else { break };
                    let toml = corpus.configurations()[configuration].to_notes_toml(corpus.tenants());
                    let rows = Signed::all(&cases);
                    for framework in FRAMEWORKS {
                        let asked = ask(Folder::new(&toml).on(framework), &WIRES, &rows);
                        let mut all = all.lock().unwrap();
                        for (wire, responses) in asked {
                            all.entry((framework, wire)).or_default().extend(responses);
                        }
                    }
                }
            });
        }
    });
    all.into_inner().unwrap()
}

/// A row and its tokens, which are the same bytes for all servers.
struct Signed<'c> {
    case: &'c Case,
    good: String,
    bad: String,
    session: String,
}

impl<'c> Signed<'c> {
    fn all(cases: &[&'c Case]) -> Vec<Self> {
        let bad = Token::of("alice").sign_with(b"another secret, of thirty-two bytes and more");
        let signed = |case: &&'c Case| Self {
            case,
            good: case.token.as_ref().map(sign).unwrap_or_default(),
            bad: bad.clone(),
            session: Session::secret(&case.name),
        };
        cases.iter().map(signed).collect()
    }
}

/// Asks a server of one configuration.
fn ask(folder: Folder, wires: &[Wire], rows: &[Signed<'_>]) -> BTreeMap<Wire, Responses> {
    let server = Server::start_in(folder);
    let sessions = rows
        .iter()
        .filter_map(|row| Some((row.session.as_str(), row.case.session.as_ref()?)));
    plant(server.folder(), sessions);
    let mut connections = Connections::open(server.address);
    let mut all: BTreeMap<Wire, Responses> = BTreeMap::new();
    for Signed {
        case,
        good,
        bad,
        session,
    } in rows
    {
        for wire in wires {
            if let Some(response) = connections.exchange(*wire, case, &Tokens { good, bad, session }) {
                all.entry(*wire).or_default().insert(case.name.clone(), response);
            }
        }
    }
    all
}

/// One connection of each version, both kept as long as the rows and the server permit.
struct Connections {
    address: SocketAddr,
    kept: Option<Connection>,
    streams: Streams,
}

impl Connections {
    fn open(address: SocketAddr) -> Self {
        Self {
            address,
            kept: None,
            streams: Streams::open(address),
        }
    }

    /// The response to a row, or its absence; nothing where the wire cannot carry the row.
    fn exchange(&mut self, wire: Wire, case: &Case, tokens: &Tokens<'_>) -> Option<Option<Response>> {
        match wire {
            Wire::Http1 => {
                let bytes = case.request.http1_bytes(tokens)?;
                Some(self.exchange_bytes(case, &bytes))
            }
            Wire::Http2(host) => {
                let request = streams::request(&case.request.http2(tokens, host)?)?;
                Some(self.streams.exchange(request).ok())
            }
        }
    }

    fn exchange_bytes(&mut self, case: &Case, bytes: &[u8]) -> Option<Response> {
        let address = self.address;
        let mut connection = self.kept.take().unwrap_or_else(|| Connection::open(address));
        connection.send(bytes);
        let response = connection.receive(&case.request.method)?;
        let may_be_kept = case.request.version == Version::Http11 && case.request.method != "CONNECT";
        let is_closed = response.values("connection").any(|value| value == "close");
        self.kept = (may_be_kept && !is_closed).then_some(connection);
        Some(response)
    }
}

/// A token that says what the row says, even what it should not.
fn sign(claims: &Claims) -> String {
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap();
    let token = Token::of(&claims.subject);
    let token = match &claims.tenant {
        Some(tenant) => token.claim(TENANT_CLAIM, json(tenant)),
        None => token,
    };
    let token = match &claims.staff {
        Some(staff) => token.claim(STAFF_CLAIM, json(staff)),
        None => token,
    };
    let token = match &claims.act {
        Some(act) => token.claim("act", json(act)),
        None => token,
    };
    match &claims.tenants {
        Some(tenants) => token.claim(TENANTS_CLAIM, json(tenants)),
        None => token,
    }
    .sign_with(SECRET.as_bytes())
}

fn observed(case: &Case, response: &Response) -> Observed {
    let vary: BTreeSet<String> = response
        .values("vary")
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_lowercase())
        .collect();
    Observed {
        answer: answer(case, response),
        vary: Some(vary),
    }
}

fn answer(case: &Case, response: &Response) -> Answer {
    let status = response.status;
    if response.body.is_empty() || case.request.method == "HEAD" {
        return Answer::Status(status);
    }
    match response.value("content-type") {
        Some("application/problem+json") => Answer::refused(status, refusal(response)),
        Some("application/json") if status == 200 => bound(response),
        _ if response.body == b"ok" => Answer::Central,
        _ => Answer::Status(status),
    }
}

/// The tenant that a route of the application shows, and nothing beside it.
fn bound(response: &Response) -> Answer {
    let body = response.json();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(subject) = text("caller") {
        return match body == json!({"caller": subject}) {
            true => Answer::Caller { subject },
            false => Answer::Status(response.status),
        };
    }
    let seen = match (text("tenant"), text("resolver"), text("subject")) {
        (Some(id), resolver, subject) => Answer::Tenant {
            id,
            resolver,
            subject,
            actor: text("actor"),
        },
        (None, ..) => Answer::NoTenant,
    };
    let whole = match &seen {
        Answer::Tenant {
            id,
            resolver: Some(resolver),
            subject: Some(subject),
            actor: None,
        } => json!({"tenant": id, "resolver": resolver, "subject": subject}),
        Answer::Tenant {
            id,
            resolver: Some(resolver),
            subject: Some(subject),
            actor: Some(actor),
        } => json!({"tenant": id, "resolver": resolver, "subject": subject, "actor": actor}),
        Answer::Tenant { id, .. } => json!({"tenant": id}),
        _ => json!({"tenant": null}),
    };
    if body == whole {
        seen
    } else {
        Answer::Status(response.status)
    }
}

//! A server without a framework: blocking sockets, a thread per connection, one request on each.
//!
//! It listens on 127.0.0.1:3000, or on the address that is its argument. Requests to paste:
//!
//! ```console
//! $ cargo run -p tenancy-core --features std --example custom_server
//! $ curl -i localhost:3000/t/acme/notes -H 'authorization: Bearer alice-session'    # 200
//! $ curl -i localhost:3000/t/globex/notes -H 'authorization: Bearer alice-session'  # 403
//! $ curl -i localhost:3000/t/acme/notes                                             # 401
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tenancy_core::context;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Access, Cause, Enforcer, Outcome, Rejection, drive_now};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, bearer_token};
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};

const MAX_HEAD: u64 = 16 * 1024;
const MAX_FIELDS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(&listener, Service::new()?)
}

fn serve(listener: &TcpListener, service: Service) -> Result<(), Box<dyn Error>> {
    let service = Arc::new(service);
    loop {
        let (stream, _) = listener.accept()?;
        let service = Arc::clone(&service);
        std::thread::spawn(move || {
            if let Err(error) = answer(&stream, &service) {
                eprintln!("a connection ended early: {error}");
            }
        });
    }
}

/// What is set up once: who names tenants, which tenants there are, and who is logged in.
struct Service {
    enforcer: Enforcer,
    directory: MemoryDirectory,
    sessions: HashMap<&'static [u8], Claims>,
}

impl Service {
    fn new() -> Result<Self, Box<dyn Error>> {
        let chain = ResolverChain::new()
            .then(HeaderResolver::new("x-tenant-id".parse()?))?
            .then(PathResolver::new("/t/{tenant}".parse()?))?;
        let tenant = |id: &str, member: &str| -> Result<_, Box<dyn Error>> {
            let record = TenantRecord::new(id.parse()?, "row".parse()?);
            Ok(MemoryEntry::new(record).with_member(member.parse()?))
        };
        Ok(Self {
            enforcer: Enforcer::new(chain),
            directory: MemoryDirectory::new([tenant("acme", "alice")?, tenant("globex", "bob")?])?,
            sessions: HashMap::from([
                (b"alice-session".as_slice(), Claims::new("alice".parse()?)),
                (b"bob-session".as_slice(), Claims::new("bob".parse()?)),
            ]),
        })
    }

    /// Binds one request to the tenant that it belongs to, or refuses it.
    fn admit(&self, head: &httparse::Request<'_, '_>, access: Access) -> Result<Outcome, Rejection> {
        let fields: Vec<_> = head.headers.iter().map(|field| (field.name, field.value)).collect();
        let headers = HeaderList::new(&fields);
        let request = RequestView {
            version: match head.version {
                Some(0) => HttpVersion::Http10,
                _ => HttpVersion::Http11,
            },
            target: target(head.method.unwrap_or_default(), head.path.unwrap_or_default()),
            headers: &headers,
            credentials: match bearer_token(&headers) {
                Err(credentials) => credentials,
                // A session is looked up here; a token would be verified.
                Ok(session) => match self.sessions.get(session) {
                    Some(claims) => Credentials::Verified(claims),
                    None => Credentials::Invalid,
                },
            },
        };
        let mut key = None;
        let step = self.enforcer.begin(&request, access, &mut key);
        // A directory in memory has every answer at hand. One that must be waited for is asked by `drive`.
        drive_now(step, &self.directory, &self.directory)
            .unwrap_or_else(|_| Err(Rejection::new(Cause::DirectoryUnavailable)))
    }

    /// The header fields that an answer may depend on.
    fn vary(&self) -> String {
        let mut names = vec!["authorization".to_owned()];
        self.enforcer.each_field(&mut |field| names.push(field.to_string()));
        names.join(", ")
    }
}

/// The request target as the client sent it, in one of its four forms (RFC 9112 §3.2).
fn target<'a>(method: &str, target: &'a str) -> Target<'a> {
    if method == "CONNECT" {
        return Target::Authority;
    }
    if target == "*" {
        return Target::Asterisk;
    }
    let (authority, path) = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(authority), path)
        }
        _ => (None, target),
    };
    match path.split_once('?') {
        Some((path, query)) => Target::Path {
            authority,
            path,
            query: Some(query),
        },
        None => Target::Path {
            authority,
            path,
            query: None,
        },
    }
}

/// The application. It is called inside the tenant's scope, and asks the scope.
fn notes() -> Result<String, context::OutOfScope> {
    let tenant = context::current()?;
    Ok(format!("notes of {}, shown to {}\n", tenant.id(), tenant.subject()))
}

fn answer(stream: &TcpStream, service: &Service) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let bytes = read_head(stream)?;
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(_)) = head.parse(&bytes) else {
        return respond(stream, true, 400, "content-type: text/plain\r\n", "bad request\n");
    };
    let with_body = head.method != Some("HEAD");
    let vary = format!("vary: {}\r\n", service.vary());
    match service.admit(&head, Access::Scoped) {
        Ok(outcome) => match context::sync_scope(outcome, notes) {
            Ok(text) => respond(stream, with_body, 200, &(vary + "content-type: text/plain\r\n"), &text),
            Err(error) => {
                eprintln!("{error}");
                respond(stream, with_body, 500, &vary, "")
            }
        },
        Err(rejection) => {
            eprintln!("refused: {rejection}");
            respond(
                stream,
                with_body,
                rejection.status(),
                &(vary + &refusal_fields(&rejection)),
                rejection.body(),
            )
        }
    }
}

/// What a refusal says beside its status and its body.
fn refusal_fields(rejection: &Rejection) -> String {
    let mut fields = "content-type: application/problem+json\r\ncache-control: no-store\r\n".to_owned();
    if let Some(challenge) = rejection.www_authenticate() {
        fields += &format!("www-authenticate: {challenge}\r\n");
    }
    if let Some(seconds) = rejection.retry_after() {
        fields += &format!("retry-after: {seconds}\r\n");
    }
    fields
}

fn read_head(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = BufReader::new(stream.take(MAX_HEAD));
    while !bytes.ends_with(b"\r\n\r\n") && reader.read_until(b'\n', &mut bytes)? > 0 {}
    Ok(bytes)
}

fn respond(mut stream: &TcpStream, with_body: bool, status: u16, fields: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} \r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if with_body {
        stream.write_all(body.as_bytes())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || serve(&listener, Service::new().unwrap()).unwrap());
        let alice = "Authorization: Bearer alice-session\r\n";
        for (line, fields, status, body) in [
            (
                "GET /t/acme/notes HTTP/1.1",
                alice,
                200,
                "notes of acme, shown to alice\n",
            ),
            (
                "GET http://a/t/acme?x=/ HTTP/1.1",
                alice,
                200,
                "notes of acme, shown to alice\n",
            ),
            ("GET /t/globex/notes HTTP/1.1", alice, 403, r#""code":"forbidden"}"#),
            ("GET /t/nosuch/notes HTTP/1.1", alice, 403, r#""code":"forbidden"}"#),
            (
                "GET /t/acme/notes HTTP/1.1",
                "",
                401,
                r#""code":"credentials_required"}"#,
            ),
            ("GET /notes HTTP/1.1", alice, 401, r#""code":"tenant_required"}"#),
            ("OPTIONS * HTTP/1.1", alice, 401, r#""code":"tenant_required"}"#),
            ("CONNECT a:443 HTTP/1.1", alice, 401, r#""code":"tenant_required"}"#),
            (
                "GET /t/%2e%2e/notes HTTP/1.1",
                alice,
                400,
                r#""code":"malformed_tenant"}"#,
            ),
            ("HEAD /t/acme/notes HTTP/1.1", alice, 200, "\r\n\r\n"),
            ("GET  /t/acme/notes HTTP/1.1", alice, 400, "bad request\n"),
            (
                "GET /t/acme/notes HTTP/1.1",
                "Authorization: Bearer alice-session\r\nAuthorization: Bearer bob-session\r\n",
                400,
                r#""code":"malformed_credentials"}"#,
            ),
        ] {
            let answer = exchange(address, &format!("{line}\r\nHost: a\r\n{fields}\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
            assert!(answer.ends_with(body), "{line}: {answer}");
        }
    }
}

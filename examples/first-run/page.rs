//! A page that tells how a first service is written: its files, and the requests with the answers that it promises.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tenancy::jwt::TokenSigner;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct Page(&'static str);

impl Page {
    pub(crate) const fn of(text: &'static str) -> Self {
        Self(text)
    }

    /// The page shows this file, whole and as it is, below a line that names it.
    pub(crate) fn has(&self, name: &str, file: &str) {
        let (_, below) = self.0.split_once(&format!("\n`{name}`")).expect(name);
        let (_, block) = below.split_once("\n```").expect(name);
        let (_, block) = block.split_once('\n').expect(name);
        let (block, _) = block.split_once("\n```").expect(name);
        assert_eq!(
            block.trim_end(),
            file.trim_end(),
            "{name} on the page and in the example"
        );
    }

    /// The documentation of a crate, in its source, shows this program, whole and as it is.
    pub(crate) fn is_in_docs(source: &str, program: &str) {
        let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
        let docs: Vec<&str> = docs.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        assert!(
            docs.join("\n").contains(program.trim_end()),
            "the program in the documentation and in the example"
        );
    }

    /// Starts the program in a copy of its folder, which was set up, and sends each request of the page.
    pub(crate) fn answers(&self, program: &str, copy: &Path) {
        // Twice: a second start finds what the first one made.
        let starts = [
            self.requests(),
            vec![Request::of("curl /notes # 401"), Request::of(BOBS)],
        ];
        for requests in starts {
            let server = Server::start(program, copy);
            for request in requests {
                let answer = server.answer(&request);
                assert_eq!(answer.0, request.status, "{}: {}", request.line, answer.1);
                if let Some(body) = request.body {
                    assert_eq!(answer.1, body, "{}", request.line);
                }
            }
        }
    }

    fn requests(&self) -> Vec<Request> {
        let lines = self.0.lines().filter(|line| line.starts_with("$ curl "));
        let requests: Vec<Request> = lines.map(Request::of).collect();
        let statuses: Vec<u16> = requests.iter().map(|request| request.status).collect();
        assert_eq!(statuses, [201, 409, 200, 200, 403, 401], "what the page promises");
        requests
    }
}

/// The other tenant has no notes.
const BOBS: &str = "curl /notes \"$(token bob)\" -H 'X-Tenant-ID: globex' # 200: nothing";

/// A copy of an example's folder, with these files more.
pub(crate) fn copy_of(folder: &str, more: &[(&str, &str)]) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["data", "migrations"] {
        fs::create_dir(copy.path().join(name)).unwrap();
    }
    for file in ["tenancy.toml", "migrations/0001_notes.sql"] {
        fs::copy(Path::new(folder).join(file), copy.path().join(file)).unwrap();
    }
    for (name, text) in more.iter().chain(&[("key", SECRET)]) {
        fs::write(copy.path().join(name), text).unwrap();
    }
    copy
}

/// Does what the page's `tenancy init` and `tenancy tenant create` do.
macro_rules! set_up {
    ($Database:ty, $folder:expr) => {{
        let data = tenancy::open::<$Database>($folder.join("tenancy.toml"));
        let data = data.without_http().await.unwrap();
        for (id, member) in [("acme", "alice"), ("globex", "bob")] {
            let tenant = tenancy::sql::NewTenant::new(id.parse().unwrap(), "row".parse().unwrap());
            let tenant = tenant.with_member(member.parse().unwrap());
            let key = tenancy::sql::CreationKey::random();
            data.directory.create(&data.db, &tenant, &key).await.unwrap();
        }
        data.close().await;
    }};
}
pub(crate) use set_up;

struct Request {
    line: String,
    caller: Option<String>,
    tenant: Option<String>,
    note: Option<String>,
    status: u16,
    body: Option<String>,
}

impl Request {
    /// A line of the page, such as `$ curl … # 200: hello`.
    fn of(line: &str) -> Self {
        let between = |before: &str, after: &str| Some(line.split_once(before)?.1.split_once(after)?.0.to_owned());
        let (_, answer) = line.rsplit_once("# ").expect(line);
        let (status, body) = answer
            .split_once(": ")
            .map_or((answer, None), |(status, body)| (status, Some(body)));
        Self {
            line: line.to_owned(),
            caller: between("$(token ", ")"),
            tenant: between("X-Tenant-ID: ", "'"),
            note: between("-d '", "'"),
            status: status.trim().parse().expect(line),
            body: body.map(|body| {
                if body == "nothing" {
                    String::new()
                } else {
                    body.to_owned()
                }
            }),
        }
    }

    fn bytes(&self) -> String {
        let method = if self.note.is_some() { "POST" } else { "GET" };
        let note = self.note.as_deref().unwrap_or_default();
        let mut head = format!("{method} /notes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if let Some(caller) = &self.caller {
            head += &format!("Authorization: Bearer {}\r\n", token(caller));
        }
        if let Some(tenant) = &self.tenant {
            head += &format!("X-Tenant-ID: {tenant}\r\n");
        }
        format!("{head}Content-Length: {}\r\n\r\n{note}", note.len())
    }
}

fn token(caller: &str) -> String {
    let signer = TokenSigner::hs256(None, &SECRET.as_bytes().to_vec().into()).unwrap();
    let signer = signer.with_issuer("https://login.example.com").with_audience("notes");
    let claim = tenancy::request::ClaimPath::literal("tenant_id").unwrap();
    signer.sign(&caller.parse().unwrap(), None, &claim, 600).unwrap()
}

/// The program, killed when it is dropped.
struct Server {
    program: Child,
    address: String,
}

impl Server {
    fn start(program: &str, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().rsplit(' ').next().unwrap();
        let address = address.trim_start_matches("socket://").to_owned();
        Self { program, address }
    }

    /// The status and the body of the answer, which is not chunked.
    fn answer(&self, request: &Request) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap_or_else(|error| panic!("{}: {error}", self.address));
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.bytes().as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

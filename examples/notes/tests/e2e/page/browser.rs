//! A Chromium without a window, driven by the protocol WebDriver over plain HTTP.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::raw::{Connection, Request};

/// How long anything may take. A browser's first start is slow.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// A new one, which knows nothing. `None` where there is none, which is said, and is a failure in CI.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = find("chromedriver") else {
            assert!(env::var_os("CI").is_none(), "chromedriver is not installed");
            println!("SKIPPED: no chromedriver (Debian: `apt-get install chromium chromium-driver`)");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(program)
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // What it says later is read, so that it never waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        let mut browser = Self {
            driver,
            address: (Ipv4Addr::LOCALHOST, port.expect("chromedriver says where it listens")).into(),
            session: String::new(),
            _profile: profile,
        };
        browser.open_session();
        Some(browser)
    }

    fn open_session(&mut self) {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let options = json!({
            "binary": find("chromium").or_else(|| find("google-chrome")),
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                "--no-first-run", profile,
            ],
        });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let session = self.command("POST", "", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        self.session = format!("/{}", session["sessionId"].as_str().expect("a session"));
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, &format!("/session{}{path}", self.session));
        let request = if method == "POST" {
            request.json(&body.to_string())
        } else {
            request
        };
        let request = request.host(&self.address.to_string());
        let answer = Connection::open(self.address).with_timeout(DEADLINE).exchange(&request);
        let mut document = answer.json();
        assert_eq!(answer.status, 200, "{method} {path}: {document}");
        document["value"].take()
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// What a function's body returns, run on the page.
    pub(crate) fn run(&self, script: &str, arguments: Value) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until a function's body returns something true.
    pub(crate) fn wait_for(&self, script: &str, arguments: &Value) {
        let started = Instant::now();
        while self.run(script, arguments.clone()) != json!(true) {
            assert!(
                started.elapsed() < DEADLINE,
                "never true: {script} {arguments}\n{:?}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command(
            "POST",
            "/element",
            &json!({ "using": "css selector", "value": selector }),
        );
        let id = found.as_object().and_then(|found| found.values().next());
        id.and_then(Value::as_str).expect(selector).to_owned()
    }

    pub(crate) fn click(&self, selector: &str) {
        self.command(
            "POST",
            &format!("/element/{}/click", self.element(selector)),
            &json!({}),
        );
    }

    /// Types as a person would.
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let path = format!("/element/{}/value", self.element(selector));
        self.command("POST", &path, &json!({ "text": text }));
    }

    /// What the browser's console has, which includes what a policy has forbidden.
    pub(crate) fn log(&self) -> Vec<String> {
        let entries = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().expect("a log").iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Browser {
    /// The browser ends with its session: it outlives a driver that is killed. A test that has failed does not panic again.
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let request = Request::new("DELETE", &format!("/session{}", self.session));
            let request = request.host(&self.address.to_string()).field("Connection", "close");
            let _ = stream.set_read_timeout(Some(DEADLINE));
            let _ = stream.write_all(&request.bytes());
            let _ = stream.read(&mut [0; 1024]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A program of the `PATH`, or of the folder where the runners of GitHub have it.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(env::var_os("CHROMEWEBDRIVER").map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

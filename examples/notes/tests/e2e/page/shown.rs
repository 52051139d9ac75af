//! What a person sees, in a browser.

use serde_json::{Value, json};

use crate::page::browser::Browser;
use crate::page::{demo, link};
use crate::service::server::{Folder, Server};

/// A note that would run where it is taken for markup.
const HOSTILE: &str = "<img src=x onerror=\"document.title='owned'\">";

const PEOPLE: [&str; 4] = ["alice", "bob", "mallory", "nobody"];
const TENANTS: [&str; 2] = ["acme", "globex"];

/// A cell of the table: a person in a tenant.
fn cell(person: usize, tenant: usize) -> String {
    format!("td[data-person='{person}'][data-tenant='{tenant}']")
}

/// What stands in a cell after one more answer: the line of its status, its notes, the code of a refusal and the steps.
fn press(browser: &Browser, cell: &str, button: &str) -> Value {
    let sent = browser.run(
        "return Number(document.querySelector(arguments[0]).dataset.sent)",
        json!([cell]),
    );
    browser.click(&format!("{cell} {button}"));
    let more = "return Number(document.querySelector(arguments[0]).dataset.sent) > arguments[1]";
    browser.wait_for(more, &json!([cell, sent]));
    browser.run(
        "const cell = document.querySelector(arguments[0]);
        const texts = (selector) => [...cell.querySelectorAll(selector)].map((found) => found.textContent);
        return { status: texts('.status')[0], notes: texts('.notes li'), code: texts('.code')[0] ?? null,
            steps: texts('.steps li') };",
        json!([cell]),
    )
}

fn opened(browser: &Browser, server: &Server) {
    browser.open(link(server).expect("a link"));
    browser.wait_for("return document.querySelector('td[data-person]') !== null", &json!([]));
}

#[test]
fn each_person_in_each_tenant() {
    let Some(browser) = Browser::start() else { return };
    let server = demo("axum");
    opened(&browser, &server);
    for (person, name) in PEOPLE.into_iter().enumerate() {
        for (tenant, id) in TENANTS.into_iter().enumerate() {
            let shown = press(&browser, &cell(person, tenant), ".read");
            let expected = match (name, id) {
                ("alice", "acme") | ("bob", "globex") => ("200", None, format!("admitted to `{id}`")),
                ("nobody", _) => ("401", Some("credentials_required"), "refused with 401".to_owned()),
                _ => ("403", Some("forbidden"), "refused with 403 forbidden".to_owned()),
            };
            let (status, code, last) = expected;
            assert_eq!(
                shown["status"],
                format!("GET /notes: {status}"),
                "{name} in {id}: {shown}"
            );
            assert_eq!(shown["code"].as_str(), code, "{name} in {id}: {shown}");
            let steps: Vec<&str> = shown["steps"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert!(steps.last().unwrap().starts_with(&last), "{name} in {id}: {shown}");
            let who = match name {
                "nobody" => "credentials absent".to_owned(),
                name => format!("credentials verified: subject `{name}` of issuer `https://issuer.notes.example`"),
            };
            assert_eq!(steps.get(1), Some(&who.as_str()), "{name} in {id}: {shown}");
            let asked = steps.iter().find_map(|step| step.strip_prefix("authorizer: "));
            let answer = match status {
                "200" => Some("a member"),
                "403" => Some("no member"),
                _ => None,
            };
            assert_eq!(asked, answer, "{name} in {id}: {shown}");
            // It is what the server itself has logged of the request.
            assert!(server.log().contains(&steps.join("; ")), "{shown}\n{}", server.log());
        }
    }
    let page = browser.run("return document.documentElement.outerHTML", json!([]));
    assert!(!page.as_str().unwrap().contains("eyJ"), "a token is on the page");
    let loaded = browser.run(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)
            .filter((name) => !name.startsWith(location.origin + '/page-'))",
        json!([]),
    );
    assert_eq!(loaded, json!([]), "loaded from elsewhere");
    let forbidden: Vec<String> = browser
        .log()
        .into_iter()
        .filter(|line| line.contains("Policy"))
        .collect();
    assert_eq!(forbidden, [""; 0]);
}

#[test]
fn a_hostile_note_is_text() {
    let Some(browser) = Browser::start() else { return };
    let server = demo("axum");
    opened(&browser, &server);
    let alices = cell(0, 0);
    browser.type_into(&format!("{alices} input"), HOSTILE);
    let written = press(&browser, &alices, ".write");
    assert_eq!(
        (&written["status"], &written["code"]),
        (&json!("POST /notes: 201"), &json!("written"))
    );
    let read = press(&browser, &alices, ".read");
    assert_eq!(read["notes"], json!([HOSTILE]));
    // The other tenant has none.
    assert_eq!(press(&browser, &cell(1, 1), ".read")["notes"], json!([]));
    is_harmless(&browser);
}

#[test]
fn a_hostile_name_of_a_tenant_is_text() {
    let Some(browser) = Browser::start() else { return };
    let toml = crate::service::setup::Setup::new(&["header"]).toml();
    let toml = toml.replace("\"Acme Inc.\"", &format!("{:?}", HOSTILE));
    let folder = Folder::new(&toml);
    let mut command = folder.command();
    command.arg("--page");
    let server = Server::spawn(command, folder);
    opened(&browser, &server);
    let name = browser.run(
        "return document.querySelector('thead th').firstChild.textContent",
        json!([]),
    );
    assert_eq!(name, HOSTILE);
    is_harmless(&browser);
}

/// Nothing was made of what is text.
fn is_harmless(browser: &Browser) {
    let found = browser.run(
        "return [document.title, document.querySelectorAll('img').length]",
        json!([]),
    );
    assert_eq!(found, json!(["notes", 0]));
}

//! A secret that is pasted in the wrong place, wherever that is: no error repeats it.

use std::fs;
use std::path::Path;

use tenancy::Postgres;
use toml::{Table, Value};

use super::bad_rows::GOOD;
use super::support::{HEAD, PASSWORD, folder};

/// What is pasted: a URL, the connection string of another client, and a command line.
const PASTED: [&str; 3] = [
    "postgres://app:hunter2-never-shown@localhost:1/x",
    "host=localhost user=app password=hunter2-never-shown dbname=x",
    "app:hunter2-never-shown@localhost",
];

/// Tables and keys that the good file leaves out.
const MORE: &str = r#"
[more.resolution]
resolvers = ["header", "jwt_claim", "subdomain", "path", "query", "cookie", "domain"]
header_form = "id"
jwt_claim = "tenant_id"
jwt_claim_form = "id"
base_domain = "app.example.com"
subdomain_form = "slug"
path_template = "/api/v1/{tenant}"
path_form = "slug"
query_parameter = "tenant"
query_form = "slug"
cookie_name = "tenant"
cookie_form = "slug"
reserved = ["www", "admin"]
on_conflict = "first"
forwarded_header = "x-forwarded-host"
[more.enforcement]
tenants_claim = "tenants"
disclosure = "uniform"
[more.jwt]
issuer_tenants = ["acme"]
typ = "at+jwt"
roles_claim = ["realm_access", "roles"]
staff_claim = "platform_staff"
[more.directory]
url_env = "APP_URL"
[more.strategies.row]
views = ["public.shown"]
shared_tables = ["public.currencies"]
administrator_role = "admin"
other_applications = ["other"]
setting = "app.tenant_id"
extension_schemas = ["ext"]
migrations = "migrations"
url_env = "APP_URL"
[more.strategies.schema]
extension_schemas = ["ext"]
migrations = "migrations"
[more.strategies.database]
prefix = "notes_"
template = "template1"
migrations = "migrations"
"#;

/// Every file beside the good one whose values are of the wrong kind is tried by the keys that take a path, too.
const INSTEAD: [(&str, &str, &str); 7] = [
    ("database", "url_env", "url_file"),
    ("database", "administrator_url_env", "administrator_url_file"),
    ("directory", "url_env", "url_file"),
    ("jwt", "typ", "jwks_file"),
    ("jwt", "issuer", "issuers"),
    ("enforcement", "membership", "members"),
    ("cache", "enabled", "enable"),
];

fn good() -> Table {
    let mut good: Table = toml::from_str(&format!("{HEAD}{GOOD}{MORE}")).unwrap();
    let Some(Value::Table(more)) = good.remove("more") else {
        panic!("no more")
    };
    merge(&mut good, more);
    good
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Every value with another in its place, and every table with a key of another name.
fn variants(value: &Value, other: &Value, key: &str, whole: &dyn Fn(Value) -> Value, found: &mut Vec<Value>) {
    found.push(whole(other.clone()));
    match value {
        Value::Table(table) => {
            let mut more = table.clone();
            more.insert(key.to_owned(), Value::Integer(1));
            found.push(whole(Value::Table(more)));
            for (name, inner) in table {
                let mut renamed = table.clone();
                renamed.remove(name);
                renamed.insert(key.to_owned(), inner.clone());
                found.push(whole(Value::Table(renamed)));
                let within = |inner: Value| {
                    let mut table = table.clone();
                    table.insert(name.clone(), inner);
                    whole(Value::Table(table))
                };
                variants(inner, other, key, &within, found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                let within = |inner: Value| {
                    let mut list = list.clone();
                    if let Some(place) = list.get_mut(index) {
                        *place = inner;
                    }
                    whole(Value::Array(list))
                };
                variants(inner, other, key, &within, found);
            }
        }
        _ => {}
    }
}

/// What is said of a file, which is never opened: nothing listens where its URLs lead.
async fn said_of(file: &Table, folder: &Path) -> String {
    let text: String = file
        .iter()
        .map(|(key, value)| format!("{} = {}\n", quoted(key), inline(value)))
        .collect();
    let url = |role: &str| format!("postgres://{role}:{PASSWORD}@localhost:1/notes");
    let opened = tenancy::open_text::<Postgres>(text, folder)
        .with_variable("APP_URL", url("app"))
        .with_variable("ADMIN_URL", url("admin"))
        .await;
    let error = opened.expect_err("nothing listens there");
    format!("{error}\n{error:?}")
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let entry = |(key, value): (&String, &Value)| format!("{} = {}", quoted(key), inline(value));
            format!("{{ {} }}", table.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Integer(number) => number.to_string(),
        Value::Boolean(is_true) => is_true.to_string(),
        Value::Float(number) => format!("{number:?}").replace("NaN", "nan"),
        Value::Datetime(time) => time.to_string(),
    }
}

#[tokio::test]
async fn a_secret_that_is_pasted_anywhere_is_not_repeated() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let mut shown = Vec::new();
    let mut tried = 0;
    for pasted in PASTED {
        let (good, value) = (Value::Table(good()), Value::String(pasted.to_owned()));
        let mut files = Vec::new();
        variants(&good, &value, pasted, &|value| value, &mut files);
        for (table, key, instead) in INSTEAD {
            let mut file = good.clone();
            if let Some(Value::Table(table)) = file.get_mut(table) {
                table.remove(key);
                table.insert(instead.to_owned(), value.clone());
            }
            files.push(file);
        }
        for file in files {
            let Value::Table(file) = file else { continue };
            let said = said_of(&file, folder.path()).await;
            tried += 1;
            if let Some(line) = said.lines().find(|line| line.contains(PASSWORD)) {
                shown.push(line.to_owned());
            }
        }
    }
    assert!(tried > 300, "{tried}");
    assert!(shown.is_empty(), "{} of {tried}:\n{}", shown.len(), shown.join("\n"));
}

/// Whatever stands somewhere, it is an error and no panic, and an error is plain text.
#[tokio::test]
async fn a_value_of_any_kind_is_an_error_anywhere() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let others: Table = toml::from_str(
        r#"values = [-1, 0, 9223372036854775807, nan, 1e300, true, 1979-05-27T07:32:00Z, "", "\u0000\u001b[31m\nx", [], [[]], {}, { a = { b = [1] } }]"#,
    )
    .unwrap();
    let Some(Value::Array(mut others)) = others.get("values").cloned() else {
        panic!("no values")
    };
    others.push(Value::String("x".repeat(1_000)));
    let good = Value::Table(good());
    let mut terminal = Vec::new();
    for (value, key) in others
        .iter()
        .zip(["", "a.b[0]", "\u{1b}[31m", "[9]", "ä", "..", "name"].iter().cycle())
    {
        let mut files = Vec::new();
        variants(&good, value, key, &|value| value, &mut files);
        for file in files {
            let Value::Table(file) = file else { continue };
            let said = said_of(&file, folder.path()).await;
            terminal.extend(said.lines().find(|line| line.contains('\u{1b}')).map(str::to_owned));
        }
    }
    assert!(terminal.is_empty(), "{}", terminal.join("\n"));
}

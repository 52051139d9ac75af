//! A secret that is pasted in the wrong place, wherever that is: no error repeats it.

use std::fs;

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

/// Every value with the pasted text in its place, and every table with the text for a key.
fn variants(value: &Value, pasted: &str, whole: &dyn Fn(Value) -> Value, found: &mut Vec<Value>) {
    found.push(whole(Value::String(pasted.to_owned())));
    match value {
        Value::Table(table) => {
            let mut other = table.clone();
            other.insert(pasted.to_owned(), Value::Integer(1));
            found.push(whole(Value::Table(other)));
            for (key, inner) in table {
                let mut renamed = table.clone();
                renamed.remove(key);
                renamed.insert(pasted.to_owned(), inner.clone());
                found.push(whole(Value::Table(renamed)));
                let within = |inner: Value| {
                    let mut table = table.clone();
                    table.insert(key.clone(), inner);
                    whole(Value::Table(table))
                };
                variants(inner, pasted, &within, found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                let within = |inner: Value| {
                    let mut list = list.clone();
                    list[index] = inner;
                    whole(Value::Array(list))
                };
                variants(inner, pasted, &within, found);
            }
        }
        _ => {}
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Array(values) => format!("[{}]", list(values.iter().map(inline).collect())),
        Value::Table(table) => {
            let entry = |(key, value)| format!("{key:?} = {}", inline(value));
            format!("{{ {} }}", list(table.iter().map(entry).collect()))
        }
        other => other.as_integer().map_or_else(
            || other.as_bool().unwrap_or_default().to_string(),
            |number| number.to_string(),
        ),
    }
}

#[tokio::test]
async fn a_secret_that_is_pasted_anywhere_is_not_repeated() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let mut shown = Vec::new();
    let mut tried = 0;
    for pasted in PASTED {
        let mut files = Vec::new();
        variants(&Value::Table(good()), pasted, &|value| value, &mut files);
        for (table, key, instead) in INSTEAD {
            let mut file = good();
            if let Some(Value::Table(table)) = file.get_mut(table) {
                table.remove(key);
                table.insert(instead.to_owned(), Value::String(pasted.to_owned()));
            }
            files.push(Value::Table(file));
        }
        for file in files {
            let Value::Table(file) = file else { continue };
            let text: String = file
                .iter()
                .map(|(key, value)| format!("{key:?} = {}\n", inline(value)))
                .collect();
            let url = |role: &str| format!("postgres://{role}:{PASSWORD}@localhost:1/notes");
            let opened = tenancy::open_text::<Postgres>(text.clone(), folder.path())
                .with_variable("APP_URL", url("app"))
                .with_variable("ADMIN_URL", url("admin"))
                .await;
            let error = opened.expect_err("nothing listens there");
            tried += 1;
            let said = format!("{error}\n{error:?}");
            if let Some(line) = said.lines().find(|line| line.contains(PASSWORD)) {
                shown.push(line.to_owned());
            }
        }
    }
    assert!(tried > 300, "{tried}");
    assert!(shown.is_empty(), "{} of {tried}:\n{}", shown.len(), shown.join("\n"));
}

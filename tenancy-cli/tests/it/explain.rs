//! Requests that are explained.

use std::fs;

use tenancy_sqlx::{NewImpersonation, SqliteDirectory};

use crate::support::{Service, on_both};

fn a_raw_request_is_explained(service: &Service) {
    service
        .run(["tenant", "create", "acme", "--strategy", "row", "--member", "alice"])
        .ended(0);
    let raw = "GET /notes HTTP/1.1\r\nHost: acme.example.com\r\n\r\n";
    let done = service.pipe(["explain", "--raw", "-", "--subject", "alice", "--json"], raw);
    let document = done.ended(0).document();
    assert_eq!(document["decision"]["outcome"], "admitted", "{document}");
    assert_eq!(document["tenant"], "acme");
    let resolvers = &document["resolvers"];
    assert_eq!(
        (&resolvers[0]["resolver"], &resolvers[0]["read"]),
        (&"header".into(), &"no_match".into())
    );
    assert_eq!(
        (&resolvers[1]["resolver"], &resolvers[1]["key"]),
        (&"subdomain".into(), &"slug `acme`".into())
    );

    let twice = "GET / HTTP/1.1\r\nHost: a\r\nX-Tenant-Id: acme\r\nX-Tenant-Id: acme\r\n\r\n";
    fs::write(service.folder().join("request"), twice).unwrap();
    let document = service
        .run(["explain", "--raw", "request", "--json"])
        .ended(3)
        .document();
    assert_eq!(document["decision"]["code"], "malformed_tenant", "{document}");
    assert_eq!(document["decision"]["status"], 400);

    service.run(["tenant", "suspend", "acme"]).ended(0);
    let suspended = service
        .run(["explain", "/", "-H", "x-tenant-id: acme", "--subject", "alice"])
        .ended(3);
    assert!(
        suspended.stdout.contains("suspended") && suspended.stdout.contains("refused with 403 forbidden"),
        "{suspended:?}"
    );
}
on_both!(raw, super::a_raw_request_is_explained);

/// A token is judged by the file's keys, and is not printed.
#[test]
fn a_token_is_judged_and_not_printed() {
    let service = Service::sqlite();
    let file = service.folder().join("tenancy.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(service.folder().join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let jwt = "\n[jwt]\nissuer = \"https://i.example\"\naudience = \"notes\"\nkeys = [{ kid = \"1\", algorithm = \"HS256\", secret_file = \"key\" }]\n";
    fs::write(&file, format!("{text}{jwt}")).unwrap();
    service
        .run(["tenant", "create", "acme", "--strategy", "row", "--member", "alice"])
        .ended(0);
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.bm90LXNpZ25lZC1ieS11cw";
    fs::write(service.folder().join("token"), format!("{token}\n")).unwrap();
    let line = ["explain", "/", "-H", "x-tenant-id: acme", "--token-file", "token"];
    for json in [&["--json"][..], &[]] {
        let refused = service.run(line.iter().chain(json).copied()).ended(3);
        assert!(refused.stdout.contains("invalid_token"), "{refused:?}");
        for part in token.split('.') {
            assert!(
                !refused.stdout.contains(part) && !refused.stderr.contains(part),
                "{refused:?}"
            );
        }
    }
    let raw = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Tenant-Id: acme\r\nAuthorization: Bearer {token}\r\n\r\n");
    let refused = service.pipe(["explain", "--raw", "-"], &raw).ended(3);
    assert!(
        refused.stdout.contains("invalid_token") && !refused.stdout.contains(token),
        "{refused:?}"
    );
    // The caller of the flags stands in place of the issuers.
    let admitted = service
        .run(["explain", "/", "-H", "x-tenant-id: acme", "--subject", "alice"])
        .ended(0);
    assert!(admitted.stdout.contains("admitted to `acme`"), "{admitted:?}");
}

/// A session of impersonation is explained with who acts and by which grant, and its secret is in no output.
#[test]
fn a_session_is_explained_without_its_secret() {
    let service = Service::sqlite();
    let file = service.folder().join("tenancy.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(service.folder().join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let jwt = "\n[jwt]\nissuer = \"https://i.example\"\naudience = \"notes\"\nkeys = [{ algorithm = \"HS256\", secret_file = \"key\" }]\n";
    fs::write(&file, format!("{text}{jwt}")).unwrap();
    for id in ["acme", "globex"] {
        service
            .run(["tenant", "create", id, "--strategy", "row", "--member", "alice"])
            .ended(0);
    }
    let session = |member: Option<&str>| {
        let directory = service.folder().join("data/directory.sqlite");
        let new = NewImpersonation::new(
            "acme".parse().unwrap(),
            "support:carol".parse().unwrap(),
            "ticket".parse().unwrap(),
        );
        let new = match member {
            Some(member) => new.in_place_of(member.parse().unwrap()),
            None => new,
        };
        let granted = service.runtime.block_on(async {
            let directory = SqliteDirectory::open(directory).await.unwrap();
            let granted = directory.impersonate(&new).await.unwrap();
            let session = directory.redeem_impersonation(granted.secret.expose()).await;
            let secret = session.unwrap().unwrap().secret;
            directory.close().await;
            (granted.id, secret)
        });
        fs::write(service.folder().join("token"), granted.1.expose()).unwrap();
        granted
    };
    let explain = |tenant: &str, code: i32, secret: &str| {
        let field = format!("x-tenant-id: {tenant}");
        let line = ["explain", "/", "-H", &field, "--token-file", "token"];
        let [text, json] = [&[][..], &["--json"]].map(|json| service.run(line.iter().chain(json).copied()).ended(code));
        for output in [&text.stdout, &text.stderr, &json.stdout, &json.stderr] {
            assert!(!output.contains(secret), "{output}");
        }
        (text.stdout.clone(), json.document())
    };
    let (grant, secret) = session(None);
    let (text, document) = explain("acme", 0, secret.expose());
    let told = format!("subject `support:carol`, in whose place `support:carol` reads by the grant `{grant}`");
    assert!(text.contains(&told) && text.contains("authorizer: let in"), "{text}");
    assert_eq!(
        (&document["actor"], &document["grant"]),
        (&"support:carol".into(), &grant.as_str().into())
    );
    let (text, document) = explain("globex", 3, secret.expose());
    assert!(text.contains(&told) && text.contains("refused with 403"), "{text}");
    assert_eq!(document["actor"], "support:carol");

    let (_, secret) = session(Some("alice"));
    let (text, document) = explain("acme", 0, secret.expose());
    assert!(
        text.contains("subject `alice`, in whose place `support:carol` reads"),
        "{text}"
    );
    assert!(text.contains("authorizer: a member"), "{text}");
    assert_eq!(
        (&document["subject"], &document["actor"]),
        (&"alice".into(), &"support:carol".into())
    );
}

//! What is not there, or half there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{Service, on_both};

#[test]
fn an_unreachable_server_is_said_to_be_one() {
    let service = Service::empty_postgres();
    let nobody = "postgres://app:hunter2-never-shown@127.0.0.1:1/nowhere";
    let service = service
        .with("APP_URL", nobody)
        .with("ADMIN_URL", nobody.replace("app:", "admin:"));
    for line in [
        "tenant list",
        "tenant create acme --strategy row",
        "tenant suspend acme",
        "member list acme",
        "events list",
        "verify",
        "init",
        "sql acme --command select",
        "explain / --subject alice",
    ] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "directory_unreachable", "{line}: {failed}");
        assert_ne!(failed["next"], serde_json::json!([]), "{line}: {failed}");
    }
    let checked = service.run(["check", "--json"]).ended(1).document();
    assert!(
        checked["checks"]
            .to_string()
            .contains("failed to connect as the administrator"),
        "{checked}"
    );
}

/// A server that is asked for TLS and says yes is answered in TLS.
#[test]
fn a_server_is_spoken_to_in_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut request = [0; 8];
        client.read_exact(&mut request).unwrap();
        client.write_all(b"S").unwrap();
        let mut first = [0];
        client.read_exact(&mut first).unwrap();
        (request, first)
    });
    let url = format!("postgres://app:hunter2-never-shown@127.0.0.1:{port}/notes?sslmode=require");
    let service = Service::empty_postgres()
        .with("APP_URL", &*url)
        .with("ADMIN_URL", url.replace("app:", "admin:"));
    service.run(["tenant", "list"]).ended(1);
    // Where nobody came, the wait ends by this one.
    let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(|mut nobody| nobody.write_all(&[0; 9]));
    let (request, first) = heard.join().unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
    assert_eq!(first, [22], "a handshake's record");
}

#[test]
fn a_missing_file_of_tenants_is_not_made_by_a_look() {
    let service = Service::sqlite();
    fs::rename(service.folder().join("data"), service.folder().join("moved")).unwrap();
    for line in [
        "tenant list",
        "tenant create acme --strategy row",
        "check",
        "events list",
    ] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        let said = failed.to_string();
        assert!(
            said.contains("directory_not_set_up") && said.contains("tenancy init"),
            "{line}: {said}"
        );
    }
    assert!(!service.folder().join("data").exists());
    fs::rename(service.folder().join("moved"), service.folder().join("data")).unwrap();
    service.run(["check"]).ended(0);
}

#[test]
fn a_directory_that_is_not_set_up_says_how_it_is() {
    let service = Service::empty_postgres();
    for line in ["tenant list", "explain / --header x-tenant-id:acme"] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "directory_not_set_up", "{line}: {failed}");
        assert_eq!(failed["next"], serde_json::json!(["tenancy init"]));
    }
    service.run(["init"]).ended(0);
    assert_eq!(service.json(["tenant", "list"])["tenants"], serde_json::json!([]));
}

#[test]
fn what_needs_the_administrator_says_so() {
    let service = Service::postgres().without("ADMIN_URL");
    assert_eq!(service.json(["tenant", "list"])["tenants"], serde_json::json!([]));
    for line in [
        "tenant create acme --strategy row",
        "tenant suspend acme",
        "member add acme alice",
        "sql acme --command select",
        "adopt acme",
        "init",
    ] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "needs_administrator", "{line}: {failed}");
    }
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert!(checked.to_string().contains("no_administrator"), "{checked}");
}

/// The file is wrong: all of it is said, and no secret of it.
fn a_wrong_file_is_said_line_by_line(service: &Service) {
    let file = service.folder().join("tenancy.toml");
    let text = fs::read_to_string(&file).unwrap();
    let wrong = text
        .replace("header_name", "haeder_name")
        .replace("version = 1", "version = 7");
    fs::write(&file, wrong).unwrap();
    for line in ["tenant list", "check", "init", "verify"] {
        let failed = service.run(line.split(' ').chain(["--json"])).ended(1).document();
        assert_eq!(failed["error"]["code"], "configuration", "{line}: {failed}");
        let message = failed["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("haeder_name") && message.contains("version"),
            "{message}"
        );
    }
    fs::write(&file, "postgres://app:hunter2-never-shown@host/db").unwrap();
    let failed = service.run(["tenant", "list"]).ended(1);
    assert!(!failed.stderr.contains("hunter2"), "{failed:?}");
}
on_both!(wrong_file, super::a_wrong_file_is_said_line_by_line);

/// The place of one tenant is gone: that one fails, the others do not.
fn a_place_that_is_gone(service: &Service) {
    for id in ["acme", "globex"] {
        service.run(["tenant", "create", id, "--strategy", "database"]).ended(0);
    }
    match &service.database {
        None => {
            for file in fs::read_dir(service.folder().join("data/tenants")).unwrap() {
                let file = file.unwrap().path();
                if file.to_string_lossy().contains("acme") {
                    fs::remove_file(file).unwrap();
                }
            }
        }
        Some(database) => service.runtime.block_on(async {
            use sqlx::ConnectOptions as _;
            let mut connection = database.administrator().connect().await.unwrap();
            let sql = format!("drop database \"{}acme\" with (force)", database.database_prefix());
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
        }),
    }
    let select = ["--command", "select count(*) as number from notes", "--json"];
    let failed = service
        .run(["sql", "acme"].into_iter().chain(select))
        .ended(1)
        .document();
    assert_eq!(failed["error"]["code"], "not_provisioned", "{failed}");
    service.run(["sql", "globex"].into_iter().chain(select)).ended(0);
    // It can still be deleted.
    service.run(["tenant", "archive", "acme"]).ended(0);
    service
        .run(["tenant", "delete", "acme", "--grace", "0s", "--confirm", "acme"])
        .ended(0);
}
on_both!(gone, super::a_place_that_is_gone);

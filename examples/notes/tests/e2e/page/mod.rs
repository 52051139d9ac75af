//! The page that acts as members and shows how requests are decided.

mod browser;
mod served;
mod shown;

use std::process::{Command, Stdio};

use crate::service::server::{Folder, Server};

/// The built-in demo, whose log has explanations, too.
fn demo(framework: &str) -> Server {
    let folder = Folder::new("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
    command
        .args(["--listen", "127.0.0.1:0", "--framework", framework])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .env("RUST_LOG", "info,tenancy::explain=debug");
    Server::spawn(command, folder)
}

/// The link that a server printed.
fn link(server: &Server) -> Option<&str> {
    server.greeting.iter().find_map(|line| line.strip_prefix("open "))
}

/// Its path.
fn path(server: &Server) -> String {
    let link = link(server).expect("a link");
    let origin = format!("http://{}", server.address);
    link.strip_prefix(&origin).expect("a link to this server").to_owned()
}

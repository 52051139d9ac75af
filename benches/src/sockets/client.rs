//! What sends the load.

use std::cell::RefCell;
use std::str;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;

/// Connections that are kept alive, and what each of them sends.
pub(super) struct Clients {
    request: Vec<u8>,
    /// The length of the answer, head included: all are alike.
    answer: usize,
    idle: RefCell<Vec<(TcpStream, Vec<u8>)>>,
    _server: Server,
}

impl Clients {
    pub(super) async fn connect(server: Server, number: usize, request: &[u8]) -> Self {
        let mut idle = Vec::with_capacity(number);
        let mut answer = 0;
        for _ in 0..number {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let first = exchange(&mut stream, request).await;
            assert!(first.starts_with(b"HTTP/1.1 200 "));
            answer = first.len();
            idle.push((stream, vec![0; answer]));
        }
        Self {
            request: request.to_vec(),
            answer,
            idle: RefCell::new(idle),
            _server: server,
        }
    }

    /// Sends a request by a connection that is idle, and reads the answer.
    pub(super) async fn request(&self) {
        let (mut stream, mut answer) = self.idle.borrow_mut().pop().unwrap();
        stream.write_all(&self.request).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.len() == self.answer);
        self.idle.borrow_mut().push((stream, answer));
    }
}

/// Sends a request, and reads an answer that says how long it is.
pub(super) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    loop {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the server has closed");
        let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
            continue;
        };
        let fields = str::from_utf8(&answer[..head]).unwrap().to_ascii_lowercase();
        let (_, length) = fields.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if answer.len() == head + 4 + length {
            return answer;
        }
    }
}

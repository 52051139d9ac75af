//! Text frames of WebSockets (RFC 6455 §5.2), as short as these tests need them.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const FINAL_TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;

/// Sends a text of less than 126 bytes; a client masks it, here by zeros.
pub(crate) async fn send(socket: &mut (impl AsyncWrite + Unpin), text: &str, is_masked: bool) {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).unwrap();
    let mut frame = vec![FINAL_TEXT, length];
    if is_masked {
        frame = vec![FINAL_TEXT, MASKED | length, 0, 0, 0, 0];
    }
    frame.extend_from_slice(text.as_bytes());
    socket.write_all(&frame).await.unwrap();
    socket.flush().await.unwrap();
}

/// The next text; `None` where the other side has gone.
pub(crate) async fn receive(socket: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let first = socket.read_u8().await.ok()?;
    assert_eq!(first, FINAL_TEXT);
    let second = socket.read_u8().await.unwrap();
    if second & MASKED != 0 {
        assert_eq!(socket.read_u32().await.unwrap(), 0);
    }
    let mut text = vec![0; usize::from(second & !MASKED)];
    socket.read_exact(&mut text).await.unwrap();
    Some(String::from_utf8(text).unwrap())
}

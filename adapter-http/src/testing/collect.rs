//! A response as a whole.

use std::pin::pin;

use bytes::{Buf, Bytes};
use http::Response;
use http_body::Body;

/// Reads a response's body to its end. Trailers become header fields, so that a check of the response sees them.
///
/// # Errors
///
/// The body's own.
pub async fn collect<B: Body>(response: Response<B>) -> Result<Response<Bytes>, B::Error> {
    let (mut parts, body) = response.into_parts();
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(mut data) => {
                while data.has_remaining() {
                    let chunk = data.chunk();
                    let read = chunk.len();
                    bytes.extend_from_slice(chunk);
                    data.advance(read);
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    parts.headers.extend(trailers);
                }
            }
        }
    }
    Ok(Response::from_parts(parts, bytes.into()))
}

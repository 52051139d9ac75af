/// Each `%XX` is one byte, once. Nothing where an escape is broken.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let (bytes, is_whole) = decode(text);
    is_whole.then_some(bytes)
}

/// Each `%XX` is one byte, once. A percent sign that begins no escape stands for itself.
pub(super) fn decoded_where_possible(text: &str) -> Vec<u8> {
    decode(text).0
}

fn decode(text: &str) -> (Vec<u8>, bool) {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    let mut is_whole = true;
    for piece in pieces {
        let digits: String = piece.chars().take(2).collect();
        let is_escape = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit());
        match u8::from_str_radix(&digits, 16) {
            Ok(byte) if is_escape => {
                bytes.push(byte);
                bytes.extend(piece.chars().skip(2).collect::<String>().into_bytes());
            }
            _ => {
                is_whole = false;
                bytes.push(b'%');
                bytes.extend(piece.as_bytes());
            }
        }
    }
    (bytes, is_whole)
}

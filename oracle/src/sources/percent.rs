/// Each `%XX` is one byte, once. Nothing where an escape is broken.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits: String = piece.chars().take(2).collect();
        if digits.chars().count() != 2 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(&digits, 16).ok()?);
        bytes.extend(piece.chars().skip(2).collect::<String>().into_bytes());
    }
    Some(bytes)
}

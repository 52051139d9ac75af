//! A mark as it may be spelled in an answer.

/// How much of a mark is as good as all of it: an excerpt may end in the middle of one. No two marks share so much.
const PIECE: usize = 12;

/// The spellings of each piece of a mark: as it is, in hexadecimal, and in base64 at each of the three places where a text
/// can begin in it. All in lower case, as [`holds`] compares.
pub(super) fn spellings(mark: &str) -> Vec<Vec<u8>> {
    mark.as_bytes().windows(PIECE).flat_map(spellings_of).collect()
}

fn spellings_of(piece: &[u8]) -> Vec<Vec<u8>> {
    let hexadecimal: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut spellings = vec![piece.to_ascii_lowercase(), hexadecimal.into_bytes()];
    for skipped in 0..3 {
        // The first and the last characters depend on what stands around the piece, so they are left out.
        let mut padded = vec![0; skipped];
        padded.extend_from_slice(piece);
        padded.truncate(padded.len() / 3 * 3);
        let inner = padded.get(if skipped == 0 { 0 } else { 3 }..).unwrap_or_default();
        spellings.push(base64(inner).to_ascii_lowercase());
    }
    spellings
}

/// Whether a text holds one of the spellings, in any case.
pub(super) fn holds(text: &[u8], spellings: &[Vec<u8>]) -> bool {
    let text = text.to_ascii_lowercase();
    spellings
        .iter()
        .any(|spelling| text.windows(spelling.len()).any(|window| window == spelling))
}

/// Of whole groups of three bytes. The standard alphabet and the one for addresses differ in two characters, which a mark
/// of letters and digits does not lead to.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let number = group
            .iter()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| number >> shift & 63)
    });
    groups.filter_map(|index| ALPHABET.get(index).copied()).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_mark_is_found_however_it_is_spelled() {
        let mark = "leak0123456789abcdef";
        let spellings = spellings(mark);
        for before in ["", "a", "ab", "abc", "{\"x\":\"", "ü"] {
            let text = format!("{before}{mark}\"}} and more");
            for spelled in [
                text.clone(),
                text.to_uppercase(),
                STANDARD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            ] {
                assert!(holds(spelled.as_bytes(), &spellings), "{spelled}");
            }
        }
        // An excerpt of the mark is as good as the mark, wherever it begins.
        for excerpt in ["leak01234567", "89abcdef", "4567899abcdef", "456789abcdef"] {
            let is_long = mark.contains(excerpt) && excerpt.len() >= PIECE;
            assert_eq!(holds(excerpt.as_bytes(), &spellings), is_long, "{excerpt}");
        }
        let other = "leakfedcba9876543210";
        for spelled in [other.to_owned(), STANDARD.encode(other), String::new()] {
            assert!(!holds(spelled.as_bytes(), &spellings), "{spelled}");
        }
    }
}

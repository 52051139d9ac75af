//! JSON objects of tenants that the directory stores, and their bounds.

use std::io;

use serde_json::{Map, Value};

/// How many bytes of JSON an object has at most.
pub(in crate::directory) const MAX_BYTES: usize = 16 * 1024;

/// Why an object is not stored.
#[derive(Debug)]
pub(in crate::directory) enum ObjectError {
    /// It has so many bytes of JSON.
    TooLarge { bytes: usize },
    /// It cannot be written as JSON that can be read again.
    Invalid(serde_json::Error),
}

/// The object as it is stored, if it is small enough and can be read again: values that nest too deeply can be built in
/// memory, but no reader takes them.
pub(in crate::directory) fn write(object: &Map<String, Value>) -> Result<String, ObjectError> {
    // First: the serializer calls itself for each level, and would end the process.
    if nests_too_deeply(object) {
        return Err(ObjectError::Invalid(too_deep()));
    }
    let mut document = Bounded::default();
    serde_json::to_writer(&mut document, object).map_err(ObjectError::Invalid)?;
    if document.length > MAX_BYTES {
        return Err(ObjectError::TooLarge { bytes: document.length });
    }
    serde_json::from_slice::<Map<String, Value>>(&document.bytes).map_err(ObjectError::Invalid)?;
    String::from_utf8(document.bytes)
        .map_err(|error| ObjectError::Invalid(serde_json::Error::io(io::Error::other(error))))
}

/// How many levels a reader takes. The object is the first.
const MAX_DEPTH: usize = 127;

fn nests_too_deeply(object: &Map<String, Value>) -> bool {
    let mut left: Vec<(&Value, usize)> = object.values().map(|value| (value, 1)).collect();
    while let Some((value, depth)) = left.pop() {
        let inner = depth + 1;
        match value {
            _ if depth > MAX_DEPTH => return true,
            Value::Array(values) => left.extend(values.iter().map(|value| (value, inner))),
            Value::Object(values) => left.extend(values.values().map(|value| (value, inner))),
            _ => {}
        }
    }
    false
}

/// A document of which no more is held than may be stored, and whose whole length is counted.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    length: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= MAX_BYTES {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a reader says of such a document.
fn too_deep() -> serde_json::Error {
    serde_json::Error::io(io::Error::other("recursion limit exceeded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Map<String, Value> {
        let inner = (1..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        Map::from_iter([("deep".to_owned(), inner)])
    }

    #[test]
    fn what_is_as_deep_as_a_reader_takes_is_written_and_no_more() {
        assert!(write(&nested(127)).is_ok());
        for levels in [129, 1_000, 4_000] {
            let refused = write(&nested(levels));
            assert!(matches!(refused, Err(ObjectError::Invalid(_))), "{levels}: {refused:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_counted() {
        let max = MAX_BYTES;
        let object = |text: usize| Map::from_iter([("a".to_owned(), Value::from("x".repeat(text)))]);
        // `{"a":""}`
        assert_eq!(write(&object(max - 8)).unwrap().len(), max);
        for more in [max - 7, 10 * max] {
            let refused = write(&object(more));
            assert!(
                matches!(refused, Err(ObjectError::TooLarge { bytes }) if bytes == more + 8),
                "{refused:?}"
            );
        }
    }
}

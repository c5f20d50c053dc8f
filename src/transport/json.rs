//! JSON as providers want it and write it.

use serde_json::Value;
use zeroize::Zeroizing;

static NULL: Value = Value::Null;

/// What stands at `pointer` (RFC 6901); null if nothing does.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NULL)
}

/// The text at `pointer`.
pub(crate) fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    at(value, pointer).as_str()
}

/// A code: a text, or the number that some services of a provider write in its place.
pub(crate) fn plain(code: &Value) -> Option<String> {
    code.as_str().map(Into::into).or_else(|| code.as_u64().map(|code| code.to_string()))
}

/// More than any request to a provider, so that the buffer does not move.
const ROOM: usize = 4_096;

/// An object that is being written, once into one buffer, so that no copy of number and text stays
/// behind unwiped: a tree of values would leave one for each field. Names are given once each.
pub(crate) struct Object(Vec<u8>);

impl Object {
    pub(crate) fn new() -> Self {
        let mut buffer = Vec::with_capacity(ROOM);
        buffer.push(b'{');
        Self(buffer)
    }

    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.write(value);
        self
    }

    /// As [`text`](Self::text), if there is one.
    pub(crate) fn text_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(crate) fn number_if(mut self, name: &str, value: Option<u64>) -> Self {
        if let Some(value) = value {
            self.name(name);
            self.0.extend_from_slice(value.to_string().as_bytes());
        }
        self
    }

    /// A flag that is set.
    pub(crate) fn flag(mut self, name: &str) -> Self {
        self.name(name);
        self.0.extend_from_slice(b"true");
        self
    }

    pub(crate) fn object(mut self, name: &str, value: Self) -> Self {
        self.name(name);
        self.0.extend_from_slice(&Zeroizing::new(value.finish()));
        self
    }

    /// A list with this object in it.
    pub(crate) fn list_of_one(mut self, name: &str, value: Self) -> Self {
        self.name(name);
        self.0.push(b'[');
        self.0.extend_from_slice(&Zeroizing::new(value.finish()));
        self.0.push(b']');
        self
    }

    /// The object, to become the body of a request, which wipes it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.write(name);
        self.0.push(b':');
    }

    fn write(&mut self, text: &str) {
        // It cannot fail: a buffer takes every byte, and every text is a JSON string.
        drop(serde_json::to_writer(&mut self.0, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_unchanged() {
        let odd = "\" \\ \u{8}\u{c}\n\r\t\0 € 🔐 </a> \u{2028}";
        let object = Object::new().text("a", odd).text_if("b", None).text_if("c", Some("d"));
        let bytes = object.finish();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value, serde_json::json!({ "a": odd, "c": "d" }));
        assert_eq!(Object::new().finish(), b"{}");
        let list = Object::new().list_of_one("l", Object::new().flag("f")).text("t", "");
        assert_eq!(list.finish(), br#"{"l":[{"f":true}],"t":""}"#);
    }

    #[test]
    fn what_is_not_there_is_null() {
        let value = serde_json::json!({ "a": [{ "b": "c" }], "n": 1 });
        assert_eq!(text_at(&value, "/a/0/b"), Some("c"));
        for pointer in ["/a/1/b", "/a/0/b/c", "/n", "/a/-", "/x"] {
            assert_eq!(text_at(&value, pointer), None, "{pointer}");
        }
        assert!(at(&value, "/x/0").is_null() && at(&Value::Null, "/0").is_null());
    }
}

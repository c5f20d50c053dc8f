//! JSON as providers want it and write it.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use zeroize::Zeroizing;

static NULL: Value = Value::Null;

/// A whole document; null if it is none. For errors and receipts: what every text is answered with is
/// [`pick`]ed.
pub(crate) fn tree(document: &[u8]) -> Value {
    serde_json::from_slice(document).unwrap_or_default()
}

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

/// A text or a number in an answer, borrowed from it where it can be.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
}

impl Scalar<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

/// The text that was picked.
pub(crate) fn text<'a>(picked: &'a Option<Scalar<'_>>) -> Option<&'a str> {
    picked.as_ref().and_then(Scalar::text)
}

/// The count of segments that was picked.
pub(crate) fn count(picked: &Option<Scalar<'_>>) -> Option<u32> {
    let number = picked.as_ref().and_then(Scalar::number);
    number.and_then(|number| u32::try_from(number).ok()).filter(|count| *count > 0)
}

/// What stands at each pointer (RFC 6901, without `~`) of a document: texts and whole numbers. The rest of
/// it is passed over, and no tree of it is made. All are `None` if the document is not JSON to its end.
pub(crate) fn pick<'a, const N: usize>(
    document: &'a [u8],
    pointers: [&str; N],
) -> [Option<Scalar<'a>>; N] {
    let mut found = [const { None }; N];
    let mut reader = serde_json::Deserializer::from_slice(document);
    let walk = Walk { left: pointers.map(Some), found: &mut found };
    match walk.deserialize(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => found,
        Err(_) => [const { None }; N],
    }
}

/// A place in a document, and what is left of each pointer that leads through it.
struct Walk<'p, 'f, 'a, const N: usize> {
    left: [Option<&'p str>; N],
    found: &'f mut [Option<Scalar<'a>>; N],
}

impl<'p, 'a, const N: usize> Walk<'p, '_, 'a, N> {
    /// What is left of each pointer behind the member `name`; `None` if none leads there.
    fn behind(&self, name: &str) -> Option<[Option<&'p str>; N]> {
        let mut left = [None; N];
        let mut any = false;
        for (left, pointer) in left.iter_mut().zip(self.left) {
            let rest = pointer.and_then(|pointer| pointer.strip_prefix('/'));
            // Most names differ in their first letter, which is cheaper to see than that they differ.
            let rest = rest.filter(|rest| rest.as_bytes().first() == name.as_bytes().first());
            let rest = rest.and_then(|rest| rest.strip_prefix(name));
            // A name with a slash in it is none that a pointer without `~` can lead to.
            *left = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
            any |= left.is_some();
        }
        (any && !name.contains('/')).then_some(left)
    }

    fn step(&mut self, left: [Option<&'p str>; N]) -> Walk<'p, '_, 'a, N> {
        // Of two members of one name the last counts, as in a tree.
        for (found, _) in self.found.iter_mut().zip(&left).filter(|(_, left)| left.is_some()) {
            *found = None;
        }
        Walk { left, found: self.found }
    }

    fn set(self, value: Scalar<'a>) {
        for (found, _) in self.found.iter_mut().zip(self.left).filter(|(_, left)| *left == Some(""))
        {
            *found = Some(value.clone());
        }
    }
}

impl<'a, const N: usize> DeserializeSeed<'a> for Walk<'_, '_, 'a, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a, const N: usize> Visitor<'a> for Walk<'_, '_, 'a, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match self.behind(&name) {
                Some(left) => map.next_value_seed(self.step(left))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        for place in 0_usize.. {
            let left = self.behind(&place.to_string());
            let more = match left {
                Some(left) => seq.next_element_seed(self.step(left))?.is_some(),
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.set(Scalar::Text(text.into()));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.set(Scalar::Text(text.to_owned().into()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.set(Scalar::Number(number));
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a member.
struct Name<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Name<'a> {
    fn deserialize<D: Deserializer<'a>>(reader: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'a> Visitor<'a> for Of {
            type Value = Name<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'a str) -> Result<Name<'a>, E> {
                Ok(Name(name.into()))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'a>, E> {
                Ok(Name(name.to_owned().into()))
            }
        }
        reader.deserialize_str(Of)
    }
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

    /// As a tree would have it, for whatever document.
    #[test]
    fn what_is_picked_is_what_a_tree_holds() {
        const POINTERS: [&str; 5] = ["/a", "/a/b", "/l/1/c", "/a/b/0", ""];
        for document in [
            r#"{"a":"x","l":[{"c":1},{"c":"y"}],"z":[{"a":1}]}"#,
            r#"{"a":{"b":"x\"\u00e9","a":"no"},"l":[[],{"c":7,"d":{"c":8}}]}"#,
            r#"{"a":{"b":["x",null]},"a":{"b":[3]}}"#,
            r#"{"a":"x","a":null,"l":[1,{"c":-1}]}"#,
            r#"{"a":1.5,"l":{"1":{"c":"by name"}}}"#,
            r#"{"\u0061":true,"a/b":"no","l":[]}"#,
            r#"{"a":18446744073709551616,"l":[{"c":1}]}"#,
            "\"x\"",
            "7",
            "null",
            "[]",
            "{}",
            "",
            "{\"a\":\"x\"",
            "{\"a\":\"x\"} x",
            "{\"a\":\"x\",}",
            "<html>",
        ] {
            let tree: Value = serde_json::from_str(document).unwrap_or_default();
            let found = pick(document.as_bytes(), POINTERS);
            for (pointer, found) in POINTERS.into_iter().zip(&found) {
                let value = at(&tree, pointer);
                let expected = (value.as_str(), value.as_u64());
                let found = found.as_ref();
                let found = (found.and_then(Scalar::text), found.and_then(Scalar::number));
                assert_eq!(found, expected, "{pointer} of {document}");
            }
        }
        assert_eq!(pick(b"{\"a\":\"\xff\"}", ["/a"]), [None], "not UTF-8");
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(pick(deep.as_bytes(), ["/0/0"]), [None]);
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

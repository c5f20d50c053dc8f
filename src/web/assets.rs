//! The browser module, and how it is served: its text, and what `Integrity` and `ETag` say of it.

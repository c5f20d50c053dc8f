//! The hosted form and code page.

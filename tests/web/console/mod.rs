//! The console: its one function, and its router behind a server.

mod function;
mod router;

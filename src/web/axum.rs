//! The endpoints as a router of axum.

//! Who may send where.

mod anonymisers;
mod book;
mod clients;
mod destinations;

//! What the replay and the attack lab share: traces, judges that decide about them, the driver,
//! scores, pages.

pub mod compare;
pub mod drive;
pub mod explain;
pub mod fit;
pub mod host;
pub mod judge;
pub mod lab;
pub mod page;
pub mod plot;
pub mod policy;
pub mod score;
pub mod table;
pub mod trace;

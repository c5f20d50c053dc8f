//! Waiting for another process.

use std::thread;
use std::time::Duration;

/// Waits for another process to get somewhere, when nothing of ours tells; two minutes, as the machine
/// may be busy.
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if reached() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within two minutes: {what}");
}

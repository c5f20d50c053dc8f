//! Reads what `callgrind` wrote: instructions, compressions of SHA-256, allocations.

use std::collections::HashMap;

/// What was counted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counted {
    /// Instructions outside of the compression of SHA-256.
    pub other: f64,
    /// Instructions of that.
    pub hashing: f64,
    /// Calls of the system's allocator.
    pub allocations: f64,
}

/// The names of the allocator's entries.
const ALLOCATES: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

impl Counted {
    /// Of a file in callgrind's format (<https://valgrind.org/docs/manual/cl-format.html>).
    pub fn read(file: &str) -> Self {
        let (mut counted, mut names) = (Self::default(), HashMap::new());
        let (mut function, mut called) = (String::new(), String::new());
        let mut lines = file.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = full(name, &mut names);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = full(name, &mut names);
            } else if let Some(call) = line.strip_prefix("calls=") {
                let is_outer = |name: &str| !ALLOCATES.contains(&name);
                if !is_outer(&called) && is_outer(&function) {
                    let count = call.split(' ').next().and_then(|n| n.parse::<f64>().ok());
                    counted.allocations += count.unwrap_or_default();
                }
                // What the callee cost stands where the callee is.
                lines.next();
            } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
                let cost = line.split(' ').nth(1).and_then(|n| n.parse::<f64>().ok());
                let kind = match function.contains("sha256") && function.contains("compress") {
                    true => &mut counted.hashing,
                    false => &mut counted.other,
                };
                *kind += cost.unwrap_or_default();
            }
        }
        counted
    }

    /// Of one of `calls` calls.
    pub fn each(self, calls: u64) -> Self {
        let of = |all: f64| all / calls as f64;
        Self { other: of(self.other), hashing: of(self.hashing), allocations: of(self.allocations) }
    }
}

/// A name, which is written out once and then goes by its number.
fn full(name: &str, names: &mut HashMap<String, String>) -> String {
    match name.split_once(' ') {
        Some((number, full)) => {
            let full = full.trim_start_matches("__libc_").trim_end_matches("'2").to_owned();
            names.insert(number.to_owned(), full.clone());
            full
        }
        None => names.get(name).cloned().unwrap_or_default(),
    }
}

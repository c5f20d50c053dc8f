//! [`AnonymiserList`]: a text of networks, read into little memory.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;

use super::ranges::{Ranges, Run};
use super::{AnonymiserKind, AnonymiserKinds};
use crate::access::{ClientIp, Network, translated};

/// Networks that hide who is behind them.
///
/// # The text
///
/// An address or a network in CIDR notation a line, then, if it is not the list's own, its kind;
/// blank lines and what follows a `#` or `;` are skipped:
///
/// ```text
/// # ours, reviewed in June
/// 192.0.2.7
/// 198.51.100.0/24  vpn      ; somebody's product
/// 2001:db8::/32    hosting
/// ```
///
/// So the lists that the field publishes as plain text can be read as they are: the Tor Project's
/// bulk exit list, FireHOL's netsets, Spamhaus's DROP, Cloudflare's own ranges.
/// `docs/operations-reference.md` shows how to convert those that come as JSON or CSV.
///
/// Mapped IPv6, and IPv4 behind a translator's well-known prefix (`64:ff9b::192.0.2.7`), count as
/// the IPv4 network that they are, as a client's address does. Networks may overlap and repeat; where
/// they do, every kind holds.
///
/// # Cost
///
/// Reading is O(n log n), a look-up one binary search. An IPv4 network that touches no other takes
/// 10 bytes, an IPv6 one 34; while it is read, 12 and 48 a line.
///
/// ```
/// use otpgate::ClientIp;
/// use otpgate::access::{AnonymiserKind, AnonymiserList};
///
/// let text = "# exits\n192.0.2.7\n198.51.100.0/24 vpn ; a product\n";
/// let list = AnonymiserList::parse(text, AnonymiserKind::Tor)?;
/// let kinds = |peer: &str| list.kinds(&ClientIp::from_peer(peer.parse().unwrap()));
/// assert!(kinds("192.0.2.7").contains(AnonymiserKind::Tor));
/// assert!(kinds("64:ff9b::198.51.100.9").contains(AnonymiserKind::Vpn), "IPv4 behind a translator");
/// assert!(kinds("192.0.2.8").is_empty());
/// assert_eq!((list.lines(), list.bytes()), (2, 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct AnonymiserList {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    lines: u64,
}

impl AnonymiserList {
    /// The most networks of a list: 16 million, 160 MB of IPv4. More is a mistake: all the cloud
    /// providers, Tor and the relays of the big vendors together publish under half a million.
    pub const MOST: u64 = 16_000_000;

    /// The widest networks: IPv4 /8, IPv6 /16. Wider ones are typing errors (`/0`) that would make
    /// every client suspect.
    pub const WIDEST: (u8, u8) = (8, 16);

    /// Reads a text. `kind` is that of the lines which name none.
    ///
    /// # Errors
    ///
    /// [`AnonymiserListError::Lines`] if a line is wrong. Nothing is read then, because half a list
    /// would hide the missing half.
    ///
    /// ```
    /// use otpgate::access::{AnonymiserKind, AnonymiserList};
    ///
    /// let text = "192.0.2.7\n192.0.2.300\n192.0.2.9 onion\n0.0.0.0/0\n";
    /// let error = AnonymiserList::parse(text, AnonymiserKind::Tor).unwrap_err().to_string();
    /// assert!(error.starts_with("3 lines of the list are wrong: line 2: not a network"), "{error}");
    /// assert!(error.contains("line 3: not a kind") && error.contains("line 4: a network wider"));
    /// ```
    pub fn parse(text: &str, kind: AnonymiserKind) -> Result<Self, AnonymiserListError> {
        Self::read(text.as_bytes(), kind)
    }

    /// Reads a text from `reader`, without holding it in memory: for files of millions of lines.
    /// It works for as long as `reader` gives data, so call it outside of an executor's threads.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), [`AnonymiserListError::Read`] if `reader` fails, and
    /// [`AnonymiserListError::Full`] beyond [`MOST`](Self::MOST).
    ///
    /// ```no_run
    /// use std::io::BufReader;
    /// use otpgate::access::{AnonymiserKind, AnonymiserList};
    ///
    /// let file = BufReader::new(std::fs::File::open("/etc/example/hosting.netset")?);
    /// let list = AnonymiserList::read(file, AnonymiserKind::Hosting)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(
        mut reader: impl BufRead,
        kind: AnonymiserKind,
    ) -> Result<Self, AnonymiserListError> {
        let mut reading = Reading::default();
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            // One byte more than may be, so that a line that is too long shows.
            if (&mut reader).take(LONGEST.saturating_add(1)).read_until(b'\n', &mut line)? == 0 {
                return reading.list();
            }
            number = number.saturating_add(1);
            let whole = line.pop_if(|byte| *byte == b'\n').is_some();
            let answer = if !whole && line.len() as u64 > LONGEST {
                skip_line(&mut reader)?;
                Err(BadLineKind::Long)
            } else {
                // Editors of some systems put a mark in front of the first line.
                let mark = if number == 1 { &b"\xEF\xBB\xBF"[..] } else { b"" };
                entry(line.strip_prefix(mark).unwrap_or(&line))
            };
            match answer {
                Ok(None) => {}
                Ok(Some((network, named))) => reading.add(network, named.unwrap_or(kind))?,
                Err(problem) => reading.refuse(BadLine { line: number, problem }),
            }
        }
    }

    /// What the list says of `client`. Nothing is said of an unknown address.
    #[must_use]
    pub fn kinds(&self, client: &ClientIp) -> AnonymiserKinds {
        match client.expose_ip() {
            Some(IpAddr::V4(address)) => self.v4.at(address.to_bits()),
            Some(IpAddr::V6(address)) => self.v6.at(address.to_bits()),
            None => AnonymiserKinds::NONE,
        }
    }

    /// How many lines with a network it was read from.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The memory that its networks take, in bytes.
    pub fn bytes(&self) -> usize {
        self.v4.bytes().saturating_add(self.v6.bytes())
    }
}

impl fmt::Debug for AnonymiserList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnonymiserList")
            .field("lines", &self.lines)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// The text is no list.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AnonymiserListError {
    /// Lines are wrong.
    #[error("{total} lines of the list are wrong: {}; correct or remove them", Shown(bad))]
    Lines {
        /// The first hundred of them.
        bad: Vec<BadLine>,
        /// How many there are.
        total: u64,
    },
    /// The list could not be read to its end.
    #[error("the list could not be read to its end; see the cause and read it again")]
    Read(#[from] io::Error),
    /// The list is longer than any that makes sense.
    #[error("the list has more than 16000000 networks; leave out single addresses inside networks")]
    Full,
}

/// A line that is no entry, and why. What stands in it is not repeated: it may be another file.
///
/// ```
/// use otpgate::access::{AnonymiserKind, AnonymiserList, AnonymiserListError, BadLineKind};
///
/// let error = AnonymiserList::parse("\n10.0.0.0/33", AnonymiserKind::Vpn).unwrap_err();
/// let AnonymiserListError::Lines { bad, total: 1 } = error else { panic!("{error}") };
/// assert_eq!((bad[0].line, bad[0].problem), (2, BadLineKind::Network));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: BadLineKind,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLineKind {
    /// The first word is no address and no network.
    #[error("not a network")]
    Network,
    /// The second word is no kind.
    #[error("not a kind (tor, vpn, proxy, hosting)")]
    Kind,
    /// There is a third word.
    #[error("more than a network and a kind")]
    Words,
    /// The network is wider than [`AnonymiserList::WIDEST`].
    #[error("a network wider than /8, or /16 in IPv6")]
    Wide,
    /// The line is longer than 1,024 bytes.
    #[error("longer than 1024 bytes")]
    Long,
}

/// The longest line, in bytes.
const LONGEST: u64 = 1_024;

/// How many bad lines are kept, and how many of them an error shows.
const KEPT: usize = 100;
const SHOWN: usize = 10;

struct Shown<'a>(&'a [BadLine]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, line) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{line}")?;
        }
        if self.0.len() > SHOWN { f.write_str(" and others") } else { Ok(()) }
    }
}

#[derive(Default)]
struct Reading {
    v4: Vec<Run<u32>>,
    v6: Vec<Run<u128>>,
    lines: u64,
    bad: Vec<BadLine>,
    total: u64,
}

impl Reading {
    fn add(&mut self, network: Network, kind: AnonymiserKind) -> Result<(), AnonymiserListError> {
        if self.lines >= AnonymiserList::MOST {
            return Err(AnonymiserListError::Full);
        }
        self.lines = self.lines.saturating_add(1);
        match network.ends() {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                self.v4.push(Run { first: first.to_bits(), last: last.to_bits(), kind });
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                self.v6.push(Run { first: first.to_bits(), last: last.to_bits(), kind });
            }
            // A network has addresses of one kind.
            _ => {}
        }
        Ok(())
    }

    fn refuse(&mut self, line: BadLine) {
        self.total = self.total.saturating_add(1);
        if self.bad.len() < KEPT {
            self.bad.push(line);
        }
    }

    fn list(self) -> Result<AnonymiserList, AnonymiserListError> {
        if self.total > 0 {
            return Err(AnonymiserListError::Lines { bad: self.bad, total: self.total });
        }
        let Self { v4, v6, lines, .. } = self;
        Ok(AnonymiserList { v4: Ranges::of(v4), v6: Ranges::of(v6), lines })
    }
}

/// What a line says: nothing, or a network and perhaps its kind.
fn entry(line: &[u8]) -> Result<Option<(Network, Option<AnonymiserKind>)>, BadLineKind> {
    let comment = line.iter().position(|byte| matches!(byte, b'#' | b';'));
    let said = comment.and_then(|at| line.get(..at)).unwrap_or(line);
    let said = std::str::from_utf8(said).map_err(|_| BadLineKind::Network)?;
    let mut words = said.split_ascii_whitespace();
    let Some(network) = words.next() else { return Ok(None) };
    let network: Network = network.parse().map_err(|_| BadLineKind::Network)?;
    let network = translated::network(network);
    let kind = words.next().map(str::parse).transpose().map_err(|_| BadLineKind::Kind)?;
    if words.next().is_some() {
        return Err(BadLineKind::Words);
    }
    let (v4, v6) = AnonymiserList::WIDEST;
    if network.length() < if network.is_v4() { v4 } else { v6 } {
        return Err(BadLineKind::Wide);
    }
    Ok(Some((network, kind)))
}

/// Reads on to the end of the line.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = reader.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let (over, read) = match end {
            Some(at) => (true, at.saturating_add(1)),
            None => (held.is_empty(), held.len()),
        };
        reader.consume(read);
        if over {
            return Ok(());
        }
    }
}

crate::base::sentence::debug_as_sentence!(AnonymiserListError);
crate::base::sentence::debug_as_sentence!(BadLineKind);

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &[u8]) -> Vec<(u64, BadLineKind)> {
        match AnonymiserList::read(text, AnonymiserKind::Tor) {
            Err(AnonymiserListError::Lines { bad, total }) => {
                assert_eq!(bad.len() as u64, total.min(KEPT as u64));
                bad.iter().map(|bad| (bad.line, bad.problem)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_bad_line_is_named_and_the_reading_goes_on_behind_it() {
        let long = [b'#'; 5_000];
        let head: &[u8] = b"192.0.2.1\r\n  \n\xFF\n192.0.2.1 vpn tor\n";
        let tail: &[u8] = b"\n::/0\n7.0.0.0/7\nx\n1.2.3.4 x";
        let text = [head, &long, tail].concat();
        use BadLineKind::{Kind, Long, Network, Wide, Words};
        let expected =
            [(3, Network), (4, Words), (5, Long), (6, Wide), (7, Wide), (8, Network), (9, Kind)];
        assert_eq!(bad(&text), expected);
        assert_eq!(bad(&long), [(1, Long)], "without an end");
        assert_eq!(bad("x\n".repeat(500).as_bytes()).len(), KEPT);
    }

    #[test]
    fn a_line_of_the_longest_length_is_read() {
        let line = |length: usize| format!("192.0.2.1 #{}\n", "x".repeat(length - 11));
        assert!(AnonymiserList::parse(&line(1_024), AnonymiserKind::Tor).is_ok());
        assert!(AnonymiserList::parse(line(1_024).trim_end(), AnonymiserKind::Tor).is_ok());
        assert_eq!(bad(line(1_025).as_bytes()), [(1, BadLineKind::Long)]);
    }

    #[test]
    fn what_editors_put_before_the_text_is_no_part_of_it() {
        let list = AnonymiserList::parse("\u{FEFF}192.0.2.1\n", AnonymiserKind::Tor).unwrap();
        assert_eq!(list.lines(), 1);
        assert_eq!(bad("192.0.2.1\n\u{FEFF}192.0.2.1".as_bytes()), [(2, BadLineKind::Network)]);
    }

    #[test]
    fn a_reader_that_fails_gives_no_list() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let read = AnonymiserList::read(io::BufReader::new(Broken), AnonymiserKind::Tor);
        assert!(matches!(read, Err(AnonymiserListError::Read(_))));
    }
}

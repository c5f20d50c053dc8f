//! One connection: reads requests and plays the script.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Answer, Play, Shared};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Every byte of it.
    pub raw: Vec<u8>,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A field of a body in form encoding.
    pub fn form(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(&self.body);
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

/// How a connection ends.
enum End {
    Close,
    Reset,
}

pub(super) fn serve(shared: &Shared, stream: TcpStream, number: usize) {
    drop(stream.set_nodelay(true));
    let socket = stream.try_clone().unwrap();
    let end = if unread(shared) {
        drop(stream);
        Ok(End::Reset)
    } else {
        match shared.tls.clone() {
            None => talk(shared, stream, number),
            Some(config) => {
                let session = rustls::ServerConnection::new(config).unwrap();
                talk(shared, rustls::StreamOwned::new(session, stream), number)
            }
        }
    };
    // The last handle to the socket is `socket` from here on.
    drop(shared.lock().open.remove(&number));
    match end {
        // A socket closed with a linger time of zero sends RST.
        Ok(End::Reset) => {
            drop(socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)));
        }
        _ => drop(socket.shutdown(std::net::Shutdown::Both)),
    }
}

/// Whether the next play is to read nothing.
fn unread(shared: &Shared) -> bool {
    let mut state = shared.lock();
    if let Some(Play::ResetUnread) = state.next.front() {
        state.next.pop_front();
        return true;
    }
    state.next.is_empty() && matches!(state.always, Play::ResetUnread)
}

fn talk(shared: &Shared, mut stream: impl Read + Write, number: usize) -> io::Result<End> {
    loop {
        let request = read(&mut stream, number)?;
        let (play, keep) = {
            let mut state = shared.lock();
            let play = state.next.pop_front().unwrap_or_else(|| state.always.clone());
            state.served.push((request, play.clone()));
            (play, state.keep_alive)
        };
        match play {
            Play::Answer(answer) => {
                stream.write_all(&head(&answer, keep))?;
                stream.write_all(&answer.body)?;
                stream.flush()?;
                if !keep {
                    linger(stream)?;
                    return Ok(End::Close);
                }
            }
            Play::Dribble(answer) => {
                for byte in head(&answer, keep).iter().chain(&answer.body) {
                    stream.write_all(&[*byte])?;
                    stream.flush()?;
                }
            }
            Play::AnswerAndClose(answer) => {
                stream.write_all(&head(&answer, true))?;
                stream.write_all(&answer.body)?;
                stream.flush()?;
                return Ok(End::Close);
            }
            Play::Truncate(answer) => {
                stream.write_all(&head(&answer, keep))?;
                stream.write_all(&answer.body[..answer.body.len() / 2])?;
                stream.flush()?;
                return Ok(End::Close);
            }
            Play::Stall(answer) => {
                stream.write_all(&head(&answer, keep))?;
                stream.flush()?;
                linger(stream)?;
                return Ok(End::Close);
            }
            Play::Reset | Play::ResetUnread => return Ok(End::Reset),
            Play::Close => return Ok(End::Close),
            Play::Silent => {
                linger(stream)?;
                return Ok(End::Close);
            }
        }
    }
}

/// Waits until the other side closes, or the server is dropped.
fn linger(mut stream: impl Read) -> io::Result<()> {
    let mut rest = [0; 64];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

fn head(answer: &Answer, keep: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Answer\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !keep {
        head.push_str("connection: close\r\n");
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
    head.into_bytes()
}

fn read(stream: &mut impl Read, connection: usize) -> io::Result<Seen> {
    let mut raw = Vec::new();
    let mut byte = [0];
    while !raw.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        raw.push(byte[0]);
    }
    let text = String::from_utf8(raw.clone()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    raw.extend_from_slice(&body);
    let (method, target) = (method.to_owned(), target.to_owned());
    Ok(Seen { raw, method, target, headers, body, connection })
}

//! HTTP/1.1 by hand, so that a test sends exactly what it says.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        let first = all.next();
        assert_eq!(all.next(), None, "{name} twice");
        first
    }

    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let found = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>().into_iter()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The kind of a problem.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        json["type"].as_str().unwrap().strip_prefix("urn:otpgate:problem:").unwrap().to_owned()
    }

    /// What a client can tell two answers apart by. Of cookies that a seal makes new each time, the
    /// length is left; of the clock's header, nothing.
    pub fn seen(&self) -> String {
        let mut lines = vec![self.status.to_string()];
        for (name, value) in &self.headers {
            let value = match name.to_ascii_lowercase().as_str() {
                "date" => continue,
                "set-cookie" => {
                    let (pair, rest) = value.split_once(';').unwrap();
                    let (name, text) = pair.split_once('=').unwrap();
                    format!("{name}=<{} bytes>;{rest}", text.len())
                }
                _ => value.clone(),
            };
            lines.push(format!("{name}: {value}"));
        }
        lines.push(String::from_utf8(self.body.clone()).unwrap());
        lines.join("\n")
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, rest: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// As `write`, where the server may have hung up.
    pub async fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer; `None` if the server hung up.
    pub async fn try_read(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head = String::from_utf8(self.rest[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        self.rest.drain(..end + 4);
        while self.rest.len() < length {
            self.fill().await?;
        }
        answer.body = self.rest.drain(..length).collect();
        Some(answer)
    }

    pub async fn read(&mut self) -> Answer {
        self.try_read().await.expect("the server hung up")
    }

    /// The head alone: what the answer to `HEAD` is.
    pub async fn read_head(&mut self) -> String {
        loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.rest.drain(..at + 4).collect::<Vec<_>>();
                assert_eq!(self.rest, b"", "nothing comes after the head");
                return String::from_utf8(head).unwrap();
            }
            self.fill().await.expect("the server hung up");
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 4_096];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => None,
            Ok(length) => {
                self.rest.extend_from_slice(&buffer[..length]);
                Some(())
            }
        }
    }
}

/// One request on a connection of its own.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut wire = Wire::open(address).await;
    wire.write(request).await;
    wire.read().await
}

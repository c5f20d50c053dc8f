//! A proxy between a store and its server that writes down every command and can cut the wire.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A command's words.
pub type Words = Vec<Vec<u8>>;

#[derive(Default)]
struct Shared {
    commands: Mutex<Vec<Words>>,
    /// The answers until the one to lose, that one included; 0 if none is to be lost.
    lose_answer: AtomicUsize,
    /// The calls until the one to lose, likewise.
    lose_call: AtomicUsize,
}

/// Whether this is the one to lose.
fn is_due(left: &AtomicUsize) -> bool {
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    before == Ok(1)
}

/// The proxy. It ends with the test's runtime.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy before the server on `port`.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A server that is down: the client sees its connection end.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                    client.set_nodelay(true).unwrap();
                    server.set_nodelay(true).unwrap();
                    tokio::spawn(carry(client, server, Arc::clone(&state)));
                }
            }
        });
        Self { port: own, shared }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The commands since the last time this was asked.
    pub fn commands(&self) -> Vec<Words> {
        std::mem::take(&mut *self.shared.commands.lock().unwrap())
    }

    /// The next answer is cut off after the server has given it.
    pub fn lose_next_answer(&self) {
        self.lose_answer_after(0);
    }

    /// The answer after so many others is cut off after the server has given it.
    pub fn lose_answer_after(&self, others: usize) {
        self.shared.lose_answer.store(others + 1, Ordering::SeqCst);
    }

    /// The next call is cut off before all of it has reached the server.
    pub fn lose_next_call(&self) {
        self.lose_call_after(0);
    }

    /// The call after so many others is cut off before all of it has reached the server.
    pub fn lose_call_after(&self, others: usize) {
        self.shared.lose_call.store(others + 1, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async {
        let (mut pending, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let read = from_client.read(&mut bytes).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            if is_due(&shared.lose_call) {
                let _ = to_server.write_all(&bytes[..read / 2]).await;
                return;
            }
            pending.extend_from_slice(&bytes[..read]);
            while let Some((words, length)) = parse(&pending) {
                pending.drain(..length);
                shared.commands.lock().unwrap().push(words);
            }
            if to_server.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let downwards = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from_server.read(&mut bytes).await.unwrap_or(0);
            if is_due(&shared.lose_answer) || read == 0 {
                return;
            }
            if to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    // Either end closes both.
    tokio::select! { () = upwards => {}, () = downwards => {} }
}

/// The first complete command in `bytes`, and how long it is.
fn parse(bytes: &[u8]) -> Option<(Words, usize)> {
    let mut at = 0;
    let count = number(bytes, &mut at, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(bytes, &mut at, b'$')?;
        words.push(bytes.get(at..at + length)?.to_vec());
        at += length + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

fn number(bytes: &[u8], at: &mut usize, mark: u8) -> Option<usize> {
    let rest = bytes.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(rest[0], mark, "a store sends arrays of bulk strings");
    *at += end + 2;
    std::str::from_utf8(&rest[1..end]).unwrap().parse().ok()
}

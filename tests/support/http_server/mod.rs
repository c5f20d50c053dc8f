//! A real HTTP server on a free port of this machine, plain or TLS, that answers as it is told and
//! keeps what it was sent. One thread a connection, nothing but the standard library and rustls.

mod connection;
mod tls;

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use otpgate::http::BaseUrl;

pub use connection::Seen;
pub use tls::Authority;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).with("content-type", "application/json").body(body.into())
    }

    pub fn xml(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).with("content-type", "application/xml").body(body.into())
    }

    pub fn html(status: u16) -> Self {
        let page = "<html><body><h1>Bad gateway</h1></body></html>";
        Self::new(status).with("content-type", "text/html").body(page)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Play {
    /// Reads it and answers.
    Answer(Answer),
    /// Answers byte by byte.
    Dribble(Answer),
    /// Answers as if the connection stayed, and then closes it.
    AnswerAndClose(Answer),
    /// Announces the whole body, sends half of it and closes.
    Truncate(Answer),
    /// Sends the head of the answer and then nothing.
    Stall(Answer),
    /// Resets the connection before it reads a byte.
    ResetUnread,
    /// Reads the request and resets the connection.
    Reset,
    /// Reads the request and closes the connection.
    Close,
    /// Reads the request and never answers.
    Silent,
}

/// The server. Dropping it stops it.
pub struct LocalServer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    address: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    state: Mutex<State>,
    changed: Condvar,
}

pub(crate) struct State {
    stop: bool,
    wanted: bool,
    listening: bool,
    keep_alive: bool,
    always: Play,
    next: VecDeque<Play>,
    served: Vec<(Seen, Play)>,
    connections: usize,
    open: HashMap<usize, TcpStream>,
}

impl LocalServer {
    /// Plain HTTP.
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// Plain HTTP, with one answer to whatever comes.
    pub fn answering(answer: Answer) -> Self {
        let server = Self::plain();
        server.always(Play::Answer(answer));
        server
    }

    /// TLS with a certificate of `authority` for this machine.
    pub fn tls(authority: &Authority) -> Self {
        Self::start(Some(authority.server()))
    }

    fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = State {
            stop: false,
            wanted: true,
            listening: true,
            keep_alive: true,
            always: Play::Answer(Answer::new(200)),
            next: VecDeque::new(),
            served: Vec::new(),
            connections: 0,
            open: HashMap::new(),
        };
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            tls,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || shared.accept(listener)
        });
        Self { shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:…` or `https://localhost:…`.
    pub fn base_url(&self) -> BaseUrl {
        let port = self.shared.address.port();
        let text = match self.shared.tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        text.parse().unwrap()
    }

    /// Does so with every request for which nothing else is scripted.
    pub fn always(&self, play: Play) {
        self.shared.lock().always = play;
    }

    /// Adds what it does with the next request.
    pub fn next(&self, play: Play) {
        self.shared.lock().next.push_back(play);
    }

    /// Whether connections stay open after an answer; they do unless told otherwise.
    pub fn keep_alive(&self, keep: bool) {
        self.shared.lock().keep_alive = keep;
    }

    /// Every request it has read in full, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().served.iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// The same, each with what the server did, and forgets them and the rest of the script.
    pub fn take_served(&self) -> Vec<(Seen, Play)> {
        let mut state = self.shared.lock();
        state.next.clear();
        std::mem::take(&mut state.served)
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Closes the port and every connection, or opens the port again.
    pub fn listen(&self, listening: bool) {
        let mut state = self.shared.lock();
        state.wanted = listening;
        state.open.drain().for_each(|(_, stream)| drop(stream.shutdown(Shutdown::Both)));
        self.shared.changed.notify_all();
        drop(state);
        if !listening {
            drop(TcpStream::connect(self.shared.address)); // wakes `accept`
        }
        let mut state = self.shared.lock();
        while state.listening != listening {
            state = self.shared.changed.wait(state).unwrap();
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        (state.stop, state.wanted) = (true, false);
        state.open.drain().for_each(|(_, stream)| drop(stream.shutdown(Shutdown::Both)));
        drop(state);
        self.shared.changed.notify_all();
        drop(TcpStream::connect(self.shared.address));
        drop(self.thread.take().unwrap().join());
    }
}

impl std::fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalServer").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            let accepted = listener.as_ref().map(TcpListener::accept);
            let mut state = self.lock();
            if !state.wanted {
                drop(accepted);
                drop(listener.take());
                state.listening = false;
                self.changed.notify_all();
                while !state.wanted && !state.stop {
                    state = self.changed.wait(state).unwrap();
                }
                if state.stop {
                    return;
                }
                listener = Some(TcpListener::bind(self.address).unwrap());
                state.listening = true;
                self.changed.notify_all();
                continue;
            }
            let Some(Ok((stream, _))) = accepted else { continue };
            state.connections += 1;
            let number = state.connections;
            state.open.insert(number, stream.try_clone().unwrap());
            drop(state);
            let shared = self.clone();
            std::thread::spawn(move || connection::serve(&shared, stream, number));
        }
    }
}

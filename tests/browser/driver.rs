//! A client of WebDriver (W3C), as much as these tests need: one Chromium without a window.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

/// How long anything may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// A browser with a fresh profile. It ends with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// How the browser is started.
#[derive(Default)]
pub struct Setup {
    pub no_script: bool,
    /// Width and height of a phone's screen, instead of a window.
    pub phone: Option<(u32, u32)>,
    /// `Accept-Language`.
    pub languages: Option<&'static str>,
}

impl Browser {
    pub fn open() -> Option<Self> {
        Self::open_with(Setup::default())
    }

    /// `None` where there is no Chromium, which is said aloud; in CI that is a failure.
    pub fn open_with(setup: Setup) -> Option<Self> {
        // The port that it finds free may be taken a moment later.
        let started = (0..5).map_while(|_| start_driver().ok()).flatten().next();
        let Some((driver, port)) = started else {
            assert!(std::env::var_os("CI").is_none(), "install chromium and chromium-driver");
            skipped("no chromedriver here; install chromium and chromium-driver");
            return None;
        };
        let mut browser = Self { driver, port, session: String::new() };
        browser.session = browser.start(&setup);
        Some(browser)
    }

    fn start(&self, setup: &Setup) -> String {
        // The sandbox needs a user other than root; nothing but loopback is visited.
        let mut arguments = vec!["--headless=new", "--no-sandbox", "--disable-gpu"];
        if setup.no_script {
            arguments.push("--blink-settings=scriptEnabled=false");
        }
        if setup.phone.is_none() {
            arguments.push("--window-size=900,700");
        }
        let mut options = json!({ "args": arguments });
        if let Some((width, height)) = setup.phone {
            let screen = json!({ "width": width, "height": height, "pixelRatio": 2 });
            options["mobileEmulation"] = json!({ "deviceMetrics": screen });
        }
        let languages = setup.languages.unwrap_or("en");
        options["prefs"] = json!({ "intl.accept_languages": languages });
        let wanted = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        let answer = self.send("POST", "/session", &json!({ "capabilities": wanted }));
        answer["sessionId"].as_str().expect("a session").to_owned()
    }

    pub fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub fn back(&self) {
        self.post("/back", &json!({}));
    }

    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// What the script returns; a promise is waited for.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The text that a person sees; nothing while the page changes.
    pub fn text(&self, css: &str) -> String {
        let session = &self.session;
        let selector = json!({ "using": "css selector", "value": css });
        let found = self.try_send("POST", &format!("/session/{session}/element"), &selector);
        let text = found.and_then(|found| {
            let element = found.as_object()?.values().next()?.as_str()?.to_owned();
            self.try_send(
                "GET",
                &format!("/session/{session}/element/{element}/text"),
                &Value::Null,
            )
        });
        text.and_then(|text| Some(text.as_str()?.to_owned())).unwrap_or_default()
    }

    pub fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.find(css)), &json!({}));
    }

    /// Types into a field, in place of what is in it.
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses keys wherever the focus is.
    pub fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    /// Opens another tab and goes there.
    pub fn new_tab(&self) -> String {
        let tab = self.post("/window/new", &json!({ "type": "tab" }));
        let handle = tab["handle"].as_str().unwrap().to_owned();
        self.show(&handle);
        handle
    }

    pub fn tab(&self) -> String {
        self.get("/window").as_str().unwrap().to_owned()
    }

    pub fn show(&self, tab: &str) {
        self.post("/window", &json!({ "handle": tab }));
    }

    /// Cuts the network, or mends it.
    pub fn offline(&self, offline: bool) {
        let conditions = json!({ "offline": offline, "latency": 0, "throughput": -1 });
        self.post("/chromium/network_conditions", &json!({ "network_conditions": conditions }));
    }

    /// Waits until it holds; `what` is said if it does not.
    pub fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}; at {}", self.url());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A picture for a person to look at, in a temporary folder.
    pub fn picture(&self, name: &str) {
        let folder = pictures();
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.get("/screenshot");
        let picture = Base64::decode_vec(picture.as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    fn find(&self, css: &str) -> String {
        let element = self.post("/element", &json!({ "using": "css selector", "value": css }));
        element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.send("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.answer(method, path, body);
        assert!(
            value["error"].is_null(),
            "{method} {path}: {} {}",
            value["error"],
            value["message"]
        );
        value
    }

    fn try_send(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        Some(self.answer(method, path, body)).filter(|value| value["error"].is_null())
    }

    fn answer(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        // It keeps the connection, whatever it is asked.
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            let header = line.to_ascii_lowercase();
            if let Some(text) = header.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            line.clear();
            answer.read_line(&mut line).unwrap();
        }
        let mut json = vec![0; length];
        answer.read_exact(&mut json).unwrap();
        let json: Value = serde_json::from_slice(&json).expect("JSON of chromedriver");
        json["value"].clone()
    }
}

/// Says that a test was not made, past the capture of its output, and how many were not by now.
pub fn skipped(what: &str) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let line = format!("\nSKIPPED, NOT TESTED ({count} so far): {test}: {what}");
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without it Chromium outlives its driver. A second panic would hide the first.
        if !self.session.is_empty()
            && let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port))
        {
            let path = format!("/session/{}", self.session);
            let _ = write!(
                stream,
                "DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver and its port; nothing if it ended at once.
fn start_driver() -> std::io::Result<Option<(Child, u16)>> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = driver.stdout.take().expect("a pipe");
    let port = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
        let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    if port.is_none() {
        let _ = driver.kill();
        driver.wait()?;
    }
    Ok(port.map(|port| (driver, port)))
}

/// Where the pictures are.
pub fn pictures() -> PathBuf {
    std::env::temp_dir().join("otpgate-pictures")
}

/// The keys of WebDriver that are no characters.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const SPACE: &str = " ";

//! `--attack`: a bot of the kind that pumps texts, bounded in number and rate, and on loopback only.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::Outcome;
use super::desk::Desk;

/// All that the bot ever asks for.
const REQUESTS: u32 = 600;

/// As long as a person would take: the bot waits out what the ticket asks for.
const TYPES: Duration = Duration::from_secs(2);

/// At the same time.
const TOGETHER: u32 = 20;

/// One answer, as far as the bot looks at it.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// What stands between `before` and the next quote.
    fn after(&self, before: &str) -> Option<&str> {
        self.body.split_once(before)?.1.split('"').next()
    }

    pub fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("the site answered {} in place of {status}: {}", self.status, self.body).into())
    }
}

/// A client with cookies, and an address out of 127.0.0.0/8.
pub struct Browser {
    site: SocketAddr,
    from: IpAddr,
    origin: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn at(site: SocketAddr, from: IpAddr, origin: &str) -> Self {
        Self { site, from, origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    pub async fn get(&mut self, path: &str) -> Outcome<Answer> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\n"), "").await
    }

    pub async fn post(&mut self, path: &str, kind: &str, body: &str) -> Outcome<Answer> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nOrigin: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
            self.origin,
            body.len()
        );
        self.exchange(&head, body).await
    }

    /// What the page's script does.
    pub async fn ask(&mut self, purpose: &str, number: &str) -> Outcome<Answer> {
        self.ask_after(purpose, number, Duration::ZERO).await
    }

    async fn ask_after(&mut self, purpose: &str, number: &str, types: Duration) -> Outcome<Answer> {
        let body = format!("{{\"purpose\":\"{purpose}\"}}");
        let answer = self.post("/otp/preflight", "application/json", &body).await?.expect(200)?;
        let ticket = answer.body.split('"').nth(3).unwrap_or_default();
        let proof = otpgate::token::answer(ticket, number)?;
        tokio::time::sleep(types).await;
        self.send(purpose, number, &proof).await
    }

    async fn send(&mut self, purpose: &str, number: &str, proof: &str) -> Outcome<Answer> {
        let body =
            format!("{{\"purpose\":\"{purpose}\",\"number\":\"{number}\",\"proof\":\"{proof}\"}}");
        self.post("/otp/send", "application/json", &body).await
    }

    /// What a bot does that is worth stopping: asked for work, it works.
    async fn ask_and_work(&mut self, purpose: &str, number: &str) -> Outcome<(Answer, bool)> {
        let answer = self.ask_after(purpose, number, TYPES).await?;
        let Some(ticket) = answer.after("\"means\":\"work\",\"ticket\":\"") else {
            return Ok((answer, false));
        };
        let (ticket, number) = (ticket.to_owned(), number.to_owned());
        let proof = tokio::task::spawn_blocking({
            let number = number.clone();
            move || otpgate::token::answer(&ticket, &number)
        });
        let proof = proof.await??;
        tokio::time::sleep(TYPES).await;
        Ok((self.send(purpose, &number, &proof).await?, true))
    }

    async fn exchange(&mut self, head: &str, body: &str) -> Outcome<Answer> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        let mut stream = socket.connect(self.site).await?;
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{head}Host: localhost\r\nConnection: close\r\nCookie: {}\r\n\r\n{body}",
            cookies.join("; ")
        );
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else { continue };
            let pair = value.split(';').next().unwrap_or_default();
            if let (true, Some((name, value))) =
                (name.eq_ignore_ascii_case("set-cookie"), pair.split_once('='))
            {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.unwrap_or(0), body: body.to_owned() })
    }
}

/// Consecutive numbers of one block, from addresses that change, and no code is ever entered. Asked for work it
/// works; asked for a person it has none. `desk` says what went out: a text that was withheld is answered as
/// one that was sent.
pub async fn attack(site: SocketAddr, origin: String, desk: Desk) -> Outcome<()> {
    println!("the bot asks for {REQUESTS} texts to one block of numbers; see /ops");
    let (before, mut worked) = (desk.sent(), 0);
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for first in (0..REQUESTS).step_by(TOGETHER as usize) {
        let mut batch = tokio::task::JoinSet::new();
        for n in first..(first + TOGETHER).min(REQUESTS) {
            let origin = origin.clone();
            batch.spawn(async move {
                let [.., a, b, c] = (n / 3).to_be_bytes().map(|byte| byte.max(1));
                let from = Ipv4Addr::new(127, a.max(2), b, c).into();
                let mut browser = Browser::at(site, from, &origin);
                browser.get("/").await?;
                browser.ask_and_work("sign-up", &format!("+49151121{n:05}")).await
            });
        }
        while let Some(asked) = batch.join_next().await {
            let (answer, after_work) = asked??;
            worked += u32::from(after_work);
            let kind = match answer.after("\"means\":\"") {
                Some(means) => format!("asked for {means}"),
                None => answer.after("problem:").unwrap_or("told that a text was sent").to_owned(),
            };
            *answers.entry(kind).or_default() += 1;
        }
        println!(
            "{} requests, {} texts went out; {worked} times it worked; in the end {answers:?}",
            first + TOGETHER,
            desk.sent() - before,
        );
    }
    println!("the bot is done");
    Ok(())
}

//! What the examples of the providers share: a gate, one text through it, its receipt, and the money.

use std::error::Error;
use std::process::ExitCode;

use otpgate::http::{HttpClient, HttpRequest, ReqwestClient};
use otpgate::store::MemoryStore;
use otpgate::token::HumanTime;
use otpgate::transport::{ReceiptRequest, ReceiptVerifier};
use otpgate::{
    ClientContext, Gate, Issued, KeyRing, Money, Policy, Purpose, ReceiptOutcome, Recipient,
    Region, Sent, SmsTransport, Verified,
};

use support::http_server::{LocalServer, Seen};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Plays what the command line asks for: `--local`, or a text to a number.
pub async fn run(
    local: impl AsyncFnOnce() -> Outcome<()>,
    real: impl AsyncFnOnce(&str) -> Outcome<()>,
) -> ExitCode {
    let run = match std::env::args().nth(1).as_deref() {
        Some("--local") => local().await,
        Some(number) => real(number).await,
        None => Err("give --local, or a number to send a real text to".into()),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A gate and a person in front of it.
pub struct FirstText {
    gate: Gate,
    client: ClientContext,
}

impl FirstText {
    /// A gate that sends through `transport`.
    pub fn through(transport: impl SmsTransport) -> Outcome<Self> {
        let mut policy = Policy::default();
        policy.token.human_time = HumanTime::ZERO; // nobody types in this example
        let gate = Gate::builder()
            .keys(KeyRing::generate()?)
            .store(MemoryStore::default())
            .transport(transport)
            .brand("Example")
            .origin("example.com")
            .countries(Region::all())
            .daily_budget(Money::dollars(20))
            .policy(policy)
            .build()?;
        Ok(Self { gate, client: ClientContext::from_peer("192.0.2.7".parse()?, "session-1") })
    }

    /// Sends a code to `number`: page, token, form, text. An outage comes with its whole story.
    pub async fn send(&self, number: &str) -> Outcome<Issued> {
        let purpose = &Purpose::SIGN_UP;
        let recipient = Recipient::parse(number, None)?;
        let ticket = self.gate.preflight(purpose, &self.client)?;
        let proof = ticket.answer(number)?;
        match self.gate.request(&proof, &recipient, purpose, &self.client).await {
            Ok(Sent::Issued(issued)) => Ok(issued),
            Ok(Sent::Refused(refusal)) => {
                let said = refusal.cause().map(ToString::to_string);
                Err(said.unwrap_or_else(|| refusal.reason().to_string()).into())
            }
            Ok(other) => Err(format!("no text: {other:?}").into()),
            // The gate says what it did; its source, the transport's error, says who failed and why.
            Err(error) => Err(error.source().map_or(error.to_string(), ToString::to_string).into()),
        }
    }

    /// Says what the provider answered.
    pub fn show(&self, issued: &Issued) {
        match issued.handoff() {
            Some(handoff) => {
                let id = handoff.message_id.as_deref().unwrap_or("none");
                println!(
                    "   accepted as {id}; segments: {:?}; price: {:?}",
                    handoff.segments, handoff.price
                );
            }
            None => println!("   not confirmed: it may have gone out"),
        }
    }

    /// Enters the code that stands at the end of `text`.
    pub async fn enter(&self, issued: &Issued, text: &str) -> Outcome<()> {
        let code = text.rsplit('#').next().unwrap_or_default();
        match self.gate.verify(issued.grant(), code, &self.client).await? {
            Verified::Accepted(_) => Ok(()),
            Verified::Rejected(rejection) => Err(rejection.to_string().into()),
        }
    }

    /// Hands what the host's endpoint has received to the gate: checked first, then applied, once.
    pub async fn take_receipt(
        &self,
        verifier: &dyn ReceiptVerifier,
        endpoint: &LocalServer,
        seen: &Seen,
    ) -> Outcome<()> {
        let url = endpoint.base_url().join(&seen.target);
        let headers: Vec<_> =
            seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            ReceiptRequest { method: &seen.method, url: &url, headers: &headers, body: &seen.body };
        for expected in [ReceiptOutcome::Applied, ReceiptOutcome::Repeated] {
            for taken in self.gate.receipts(verifier, &request).await? {
                println!("   genuine: {:?}: {:?}", taken.receipt, taken.outcome);
                if taken.outcome != expected {
                    return Err("a receipt was not taken once".into());
                }
            }
        }
        Ok(())
    }

    /// Says what was spent.
    pub async fn show_money(&self) -> Outcome<Money> {
        let now = self.gate.snapshot().await?;
        println!("   {} texts, {} of {} a day", now.sent, now.spent, now.daily_budget);
        Ok(now.spent)
    }
}

/// A client that goes through no proxy: everything is on this machine.
pub fn local_client() -> Outcome<ReqwestClient> {
    Ok(ReqwestClient::builder().configure(|reqwest| reqwest.no_proxy()).build()?)
}

/// Posts as the provider would, to the host's endpoint, and gives what arrived there.
pub async fn post(endpoint: &LocalServer, request: HttpRequest) -> Outcome<Seen> {
    let answer = local_client()?.send(request).await?;
    if answer.status() != 200 {
        return Err(format!("the endpoint answered {}", answer.status()).into());
    }
    endpoint.seen().pop().ok_or_else(|| "the endpoint got nothing".into())
}

/// Shows a failed send, and fails itself if the error lacks the provider or its remedy, or tells a secret.
pub fn show_failure<T>(
    failed: Outcome<T>,
    provider: &str,
    remedy: &str,
    secrets: &[&str],
) -> Outcome<()> {
    let Err(error) = failed else { return Err("a text went out".into()) };
    let shown = error.to_string();
    println!("   {shown}");
    if !shown.starts_with(provider) || !shown.contains(remedy) {
        return Err(format!("the error should name {provider} and say `{remedy}`").into());
    }
    if secrets.iter().any(|secret| shown.contains(secret)) {
        return Err("the error tells a secret".into());
    }
    Ok(())
}

/// An environment variable, or how to set it.
pub fn setting(name: &str) -> Outcome<String> {
    std::env::var(name).map_err(|_| format!("set {name}, or run with --local").into())
}

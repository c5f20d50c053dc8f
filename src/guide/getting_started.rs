//! Two pages and four handlers.
//!
//! `cargo run --example quickstart` shows the whole flow on a console. This page puts it behind
//! HTTP without naming a framework: copy the parts into your handlers.
//!
//! # The gate
//!
//! Build one [`Gate`] at start and clone it into every handler; a clone is two reference counts.
//!
//! ```
//! use otpgate::pumping::PriceTable;
//! use otpgate::store::MemoryStore;
//! use otpgate::{Gate, KeyRing, Money, Region, SmsTransport};
//!
//! /// The pepper is 32 random bytes as base64url, from the secret manager.
//! fn build_gate(
//!     pepper: &str,
//!     provider: impl SmsTransport,
//! ) -> Result<Gate, Box<dyn std::error::Error>> {
//!     Ok(Gate::builder()
//!         .keys(KeyRing::from_text(pepper)?)
//!         .store(MemoryStore::default()) // for a first day; `RedbStore`, `RedisStore`, `PostgresStore`
//!         .transport(provider)
//!         .brand("Example")
//!         .origin("example.com") // browsers offer the code on this host only
//!         .countries([Region::DE, Region::AT]) // where customers are
//!         .daily_budget(Money::dollars(50)) // a few times an ordinary day
//!         .prices(PriceTable::builtin().with(*b"DE", Money::cents(9)).with(*b"AT", Money::cents(8)))
//!         .build()?)
//! }
//! # let provider = otpgate::transport::ConsoleTransport::stdout();
//! # assert!(build_gate("IAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", provider).is_ok());
//! ```
//!
//! All of these but `origin` and `prices` are required, and [`build`](crate::GateBuilder::build) says
//! which is missing and which values contradict each other. Enter your provider's prices all the same:
//! every budget counts by them, and they may be nine times the built-in ones.
//!
//! Texts of your own, an app's hash and payments need a [`message`](crate::GateBuilder::message) in place
//! of `brand`; other lines than mobile ones need [`destinations`](crate::GateBuilder::destinations) in
//! place of `countries`.
//!
//! Call [`Gate::ready`](crate::Gate::ready) before you listen. It tries the store, compares the clocks,
//! asks transports, human check and look-up for their credentials, sends nothing, and names all that is
//! wrong with its cure.
//!
//! # Who asks
//!
//! Every call takes a [`ClientContext`]. You must get three things right:
//!
//! - **The address** comes from the connection ([`ClientIp::from_peer`]) or, behind a load
//!   balancer, from *all* lines of the forwarding header and a list of the proxies you run
//!   ([`ClientIp::behind`]). If you do not know it, say [`ClientIp::unknown`]: all such clients
//!   share one tight limit.
//! - **The session** is an identifier that you gave out *before* the page, such as an anonymous
//!   session cookie. Tickets and grants are worth nothing in another session.
//! - **The device proof**, if the browser has the cookie of an earlier verification. It keeps strangers
//!   from locking the owner out.
//!
//! # The handlers
//!
//! ```
//! use std::time::Duration;
//!
//! use otpgate::{
//!     ClientContext, Entry, EntryGrant, Gate, GateError, Purpose, Recipient, Region, Sent, StepUpMeans,
//!     Verified,
//! };
//!
//! /// What the host keeps for a browser, on its own side.
//! #[derive(Default)]
//! struct Session {
//!     grant: Option<EntryGrant>,
//!     proven_number: Option<String>,
//! }
//!
//! /// What any framework can send.
//! struct Answer {
//!     status: u16,
//!     retry_after: Option<Duration>,
//!     device_cookie: Option<String>,
//!     body: String,
//! }
//!
//! impl Answer {
//!     fn page(status: u16, body: impl Into<String>) -> Self {
//!         Self { status, retry_after: None, device_cookie: None, body: body.into() }
//!     }
//! }
//!
//! /// GET /sign-up
//! fn form_page(gate: &Gate, client: &ClientContext) -> Result<Answer, GateError> {
//!     let ticket = gate.preflight(&Purpose::SIGN_UP, client)?;
//!     let form = format!(r#"<form data-ticket="{}"> ... </form>"#, ticket.as_str());
//!     Ok(Answer::page(200, form)) // with `Cache-Control: no-store`
//! }
//!
//! /// POST /sign-up: `proof` is what the page's script made of the ticket and the typed number.
//! async fn form_posted(
//!     gate: &Gate,
//!     client: &ClientContext,
//!     session: &mut Session,
//!     proof: &str,
//!     typed: &str,
//! ) -> Result<Answer, GateError> {
//!     // A number without `+` is read as dialled in this country.
//!     let Ok(recipient) = Recipient::parse(typed, Some(Region::DE)) else {
//!         return Ok(Answer::page(400, "This is not a phone number."));
//!     };
//!     Ok(match gate.request(proof, &recipient, &Purpose::SIGN_UP, client).await? {
//!         Sent::Issued(issued) => {
//!             session.grant = Some(issued.into_grant());
//!             Answer::page(303, "/sign-up/code")
//!         }
//!         // The page's script shows the human check if it is asked for, answers the new ticket, and
//!         // posts again.
//!         Sent::StepUp(step_up) => {
//!             let human = step_up.means() == StepUpMeans::Human;
//!             Answer::page(428, format!("{} human={human}", step_up.ticket().as_str()))
//!         }
//!         Sent::Refused(refusal) => {
//!             let public = refusal.public(); // `reason()` is for the log
//!             Answer { retry_after: public.retry_after(), ..Answer::page(public.status(), public.to_string()) }
//!         }
//!     })
//! }
//!
//! /// GET /sign-up/code
//! async fn code_page(gate: &Gate, client: &ClientContext, session: &Session) -> Result<Answer, GateError> {
//!     let Some(grant) = &session.grant else { return Ok(Answer::page(303, "/sign-up")) };
//!     Ok(match gate.entry(grant, client).await? {
//!         Entry::Open(view) => Answer::page(
//!             200,
//!             format!(
//!                 "Code sent to {}. {} attempts left. Send again in {} s.",
//!                 view.number_hint(),
//!                 view.attempts_left(),
//!                 view.resend_after().as_secs(),
//!             ),
//!         ),
//!         Entry::Closed(_) => Answer::page(303, "/sign-up"),
//!     })
//! }
//!
//! /// POST /sign-up/code
//! async fn code_posted(
//!     gate: &Gate,
//!     client: &ClientContext,
//!     session: &mut Session,
//!     code: &str,
//! ) -> Result<Answer, GateError> {
//!     let Some(grant) = &session.grant else { return Ok(Answer::page(303, "/sign-up")) };
//!     // An outage leaves the grant where it is: the user tries again.
//!     Ok(match gate.verify(grant, code, client).await? {
//!         // Compare: with more forms than one, the session may hold the grant of another.
//!         Verified::Accepted(verification) if *verification.purpose() == Purpose::SIGN_UP => {
//!             session.grant = None;
//!             // From the verification, never from the request.
//!             session.proven_number = Some(verification.recipient().expose_e164().as_str().to_owned());
//!             let device_cookie = Some(verification.device_proof().as_str().to_owned());
//!             Answer { device_cookie, ..Answer::page(303, "/welcome") }
//!         }
//!         Verified::Accepted(_) => Answer::page(303, "/sign-up"),
//!         Verified::Rejected(rejection) => Answer::page(422, rejection.to_string()),
//!     })
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let mut policy = otpgate::Policy::default();
//! #     policy.token.human_time = otpgate::token::HumanTime::ZERO; // nobody types in this example
//! #     let phone = otpgate::transport::ConsoleTransport::to(Vec::new());
//! #     let gate = Gate::builder()
//! #         .keys(otpgate::KeyRing::generate()?)
//! #         .store(otpgate::store::MemoryStore::default())
//! #         .transport(phone.clone())
//! #         .brand("Example")
//! #         .countries([Region::DE])
//! #         .daily_budget(otpgate::Money::dollars(50))
//! #         .policy(policy)
//! #         .build()?;
//! #     let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");
//! #     let mut session = Session::default();
//! #     let page = form_page(&gate, &client)?;
//! #     let ticket = page.body.split('"').nth(1).unwrap().to_owned();
//! #     let typed = "0151 / 12345678";
//! #     let proof = otpgate::token::answer(&ticket, typed)?;
//! #     assert_eq!(form_posted(&gate, &client, &mut session, &proof, "word").await?.status, 400);
//! #     let other = form_posted(&gate, &client, &mut session, &proof, "0151 12345679").await?;
//! #     assert_eq!((other.status, other.retry_after), (400, None));
//! #     assert_eq!(form_posted(&gate, &client, &mut session, &proof, typed).await?.status, 303);
//! #     assert!(code_page(&gate, &client, &session).await?.body.contains("5 attempts left"));
//! #     assert_eq!(code_posted(&gate, &client, &mut session, "nonsense").await?.status, 422);
//! #     let code = phone.last_code().unwrap();
//! #     let welcome = code_posted(&gate, &client, &mut session, &code).await?;
//! #     assert_eq!(welcome.status, 303);
//! #     assert!(welcome.device_cookie.is_some());
//! #     assert_eq!(session.proven_number.as_deref(), Some("+4915112345678"));
//! #     Ok(())
//! # }
//! ```
//!
//! A `GateError` becomes a 503 with "try again in a moment". It is never a wrong code.
//!
//! # The page's script
//!
//! The ticket is text in the page; the script answers it when the form is submitted, and posts the proof
//! *and* the number as it was typed. `docs/token-format.md` has the script, five lines on the crate's own
//! module; the feature `axum` has these handlers and the page's whole script (`docs/web.md`). A native
//! client written in Rust calls [`token::answer`](crate::token::answer). A ticket is answered once: after
//! any answer other than a code page, fetch a new one.
//!
//! # What each answer means
//!
//! | outcome | tell the client | status |
//! |---|---|---|
//! | [`Sent::Issued`] | the code page, also if [`confirmed`](crate::Issued::confirmed) is false | 303 |
//! | [`Sent::StepUp`] with [`Work`](crate::StepUpMeans::Work) | nothing; the script answers the new ticket | 428 |
//! | [`Sent::StepUp`] with [`Human`](crate::StepUpMeans::Human) | show the CAPTCHA ([`Gate::human_widget`](crate::Gate::human_widget), [`human`](crate::human)); its response goes into [`human_response`](crate::ClientContext::human_response) | 428 |
//! | [`Sent::Refused`] | [`public`](crate::Refusal::public): text, status and a coarse `Retry-After` | 400, 403, 429 |
//! | [`Verified::Rejected`] | one sentence for every cause | 422 |
//! | [`Entry::Closed`](crate::Entry::Closed) | back to the form | 303 |
//!
//! # Without a page
//!
//! A batch job or another service has no page and no ticket. It signs each request with a
//! [`CallerKey`](crate::access::CallerKey) and is checked with [`Gate::authorise`]: signature, time,
//! nonce, network and purpose. A grant made so is bound to no session; the service keeps it.
//!
//! # Numbers without an account
//!
//! At a password reset the answer must not tell who has an account. If the account does not exist,
//! hand the clearance to [`Gate::decoy`] instead of [`Gate::issue`]: the same charges, the same
//! answer, no text, and no code that opens the grant. For another purpose than a reset, list it in
//! [`ModePolicy::decoys`](crate::policy::ModePolicy::decoys), or a provider's outage tells who has an
//! account. A decoy does not take the provider's time; if a client could measure that, answer the page
//! before the call has returned.
//!
//! # Who hangs up
//!
//! Servers drop a handler whose client closes the connection. The text goes out all the same, and what
//! the provider says of it, the price too, is lost. Run [`Gate::request`](crate::Gate::request),
//! [`Gate::issue`](crate::Gate::issue) and [`Gate::resend`](crate::Gate::resend) on a task of their own
//! (tokio's `spawn`), and await that task; [`Gate::verify`](crate::Gate::verify) too, or a right code is
//! used up and your handler never hears of it. The router does so.
//!
//! # Delivery receipts
//!
//! In the webhook that the provider calls, hand the method, the exact public URL, the headers and
//! the raw body to [`Gate::receipts`] with the provider's verifier, and answer 200 or the error's
//! status. Receipts find their sends, so you keep nothing. They give an undelivered text back to a
//! proven device twice a day, put the real price into the budgets, and warn of a carrier that is
//! down.
//!
//! # Payments
//!
//! [`Clearance::bind`](crate::Clearance::bind) ties the code to an amount and a payee; the text shows
//! both. Verify with [`Gate::verify_bound`] and send again with
//! [`Gate::resend_bound`](crate::Gate::resend_bound), from the payment that is about to be executed. The
//! message format must be built with
//! [`transactions`](crate::message::MessageFormatBuilder::transactions), and with
//! [`AllowUcs2`](crate::message::EncodingPolicy::AllowUcs2) and `max_segments(3)` if payees have letters that
//! GSM-7 lacks (`Łukasz`): each such payment fails otherwise. [`Policy::psd2`](crate::Policy::psd2) refuses a
//! payment that you forgot to bind.
//!
//! [`ClientContext`]: crate::ClientContext
//! [`ClientIp::behind`]: crate::ClientIp::behind
//! [`ClientIp::from_peer`]: crate::ClientIp::from_peer
//! [`ClientIp::unknown`]: crate::ClientIp::unknown
//! [`Gate`]: crate::Gate
//! [`Gate::authorise`]: crate::Gate::authorise
//! [`Gate::decoy`]: crate::Gate::decoy
//! [`Gate::issue`]: crate::Gate::issue
//! [`Gate::receipts`]: crate::Gate::receipts
//! [`Gate::verify_bound`]: crate::Gate::verify_bound
//! [`Sent::Refused`]: crate::Sent::Refused
//! [`Sent::Issued`]: crate::Sent::Issued
//! [`Sent::StepUp`]: crate::Sent::StepUp
//! [`Verified::Rejected`]: crate::Verified::Rejected

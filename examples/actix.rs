//! The endpoints in actix-web, which speaks other `http` types than the rest: what is converted is all
//! that a host has to write.
//!
//! ```text
//! cargo run --example actix --features actix              http://localhost:8080/otp
//! cargo run --example actix --features actix -- --check   asks once for a ticket, and ends
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a program

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use axum::http;
use otpgate::store::MemoryStore;
use otpgate::transport::ConsoleTransport;
use otpgate::web::page::PageContext;
use otpgate::web::{Admit, Ask, Config, Endpoints, Host, HostError, Next, Problem, ProblemKind};
use otpgate::{Gate, KeyRing, Money, Region, Verification};

/// The longest body of any endpoint, and how long it may take.
const LONGEST: usize = 64 * 1_024;
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct SignUp;

#[async_trait::async_trait]
impl Host for SignUp {
    async fn admit(&self, _: &Ask<'_>) -> Result<Admit, HostError> {
        Ok(Admit::Send)
    }

    async fn verified(
        &self,
        verification: Verification,
        _: &http::request::Parts,
    ) -> Result<Next, HostError> {
        println!("verified: {:?}", verification.recipient());
        Ok(Next::to("/"))
    }
}

fn endpoints() -> Result<Endpoints, Box<dyn Error>> {
    let gate = Gate::builder()
        .keys(KeyRing::generate()?)
        .store(MemoryStore::default())
        .transport(ConsoleTransport::stdout())
        .brand("Example")
        .countries([Region::DE])
        .daily_budget(Money::dollars(20))
        .build()?;
    let config = Config::builder("http://localhost:8080", SignUp)
        .default_region(Region::DE)
        .pages(PageContext::new("Example", "/otp"))
        .build()?;
    Ok(Endpoints::new(gate, config))
}

/// One handler for all endpoints.
async fn otp(
    request: HttpRequest,
    payload: web::Payload,
    endpoints: web::Data<Endpoints>,
) -> HttpResponse {
    let body = match rt::time::timeout(DEADLINE, payload.to_bytes_limited(LONGEST)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) => return answer(Problem::new(ProblemKind::BadRequest).response()),
        Ok(Err(_)) => return answer(Problem::new(ProblemKind::TooLarge).response()),
        Err(_) => return answer(Problem::new(ProblemKind::Timeout).response()),
    };
    let peer = request.peer_addr().map(|peer| peer.ip());
    let Some(request) = converted(&request, body) else {
        return answer(Problem::new(ProblemKind::BadRequest).response());
    };
    // actix drops the handler of a client who hangs up, and what the provider says would be lost with it.
    let call = rt::spawn(async move { endpoints.handle(request, peer).await });
    answer(call.await.unwrap_or_else(|_| Problem::new(ProblemKind::Outage).response()))
}

fn converted(request: &HttpRequest, body: web::Bytes) -> Option<http::Request<web::Bytes>> {
    let mut converted =
        http::Request::builder().method(request.method().as_str()).uri(request.uri().to_string());
    for (name, value) in request.headers() {
        converted = converted.header(name.as_str(), value.as_bytes());
    }
    converted.body(body).ok()
}

fn answer(response: http::Response<web::Bytes>) -> HttpResponse {
    let status = StatusCode::from_u16(response.status().as_u16());
    let mut answer = HttpResponse::build(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE));
    for (name, value) in response.headers() {
        // actix counts the body itself.
        if name != http::header::CONTENT_LENGTH {
            answer.append_header((name.as_str(), value.as_bytes()));
        }
    }
    answer.body(response.into_body())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let check = std::env::args().any(|argument| argument == "--check");
    let endpoints = endpoints()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(endpoints.clone()))
            .service(web::resource(["/otp", "/otp/{path:.*}"]).to(otp))
    });
    let port = if check { 0 } else { 8_080 };
    let server = server.workers(1).bind(("127.0.0.1", port))?;
    let address = server.addrs()[0];
    let server = server.run();
    if !check {
        println!("http://localhost:{}/otp", address.port());
        return Ok(server.await?);
    }
    let handle = server.handle();
    let asked = std::thread::spawn(move || {
        let answer = ask(address);
        rt::System::new().block_on(handle.stop(false));
        answer
    });
    server.await?;
    let answer = asked.join().unwrap()?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("set-cookie: __Host-otp-session="), "{answer}");
    assert!(answer.contains("\"ticket\":\""), "{answer}");
    println!("the endpoints answer");
    Ok(())
}

fn ask(address: std::net::SocketAddr) -> std::io::Result<String> {
    let body = r#"{"purpose":"sign-up"}"#;
    let request = format!(
        "POST /otp/preflight HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:8080\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

//! The shipped HTTP client: what it proves about a request that failed.

use std::time::Duration;

use otpgate::http::{HttpClient, HttpError, HttpErrorKind, HttpRequest, ReqwestClient, SecretText};

use crate::adapter::client;
use support::http_server::{Answer, Authority, LocalServer, Play};

fn request(server: &LocalServer) -> HttpRequest {
    HttpRequest::post(server.base_url().join("/x"))
        .with_basic_auth("user", &SecretText::new("hush"))
        .with_body("text/plain", "the code is 123456")
}

async fn kind(client: &ReqwestClient, request: HttpRequest) -> HttpErrorKind {
    let error = client.send(request).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hush") && !shown.contains("123456") && !shown.contains("aHVzaA"));
    error.kind()
}

#[tokio::test]
async fn a_refused_connection_is_a_proof() {
    let server = LocalServer::plain();
    server.listen(false);
    let error = client().send(request(&server)).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Unreachable);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_proof() {
    let request = HttpRequest::post("https://no-such-host.invalid/x");
    assert_eq!(kind(&client(), request).await, HttpErrorKind::Unreachable);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_proof() {
    let server = LocalServer::tls(&Authority::new());
    let error = client().send(request(&server)).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Unreachable);
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_proof() {
    let server = LocalServer::plain();
    let url = server.base_url().join("/x").replace("http:", "https:");
    assert_eq!(kind(&client(), HttpRequest::post(url)).await, HttpErrorKind::Unreachable);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_header_that_cannot_be_written_is_a_proof_and_stays_secret() {
    let server = LocalServer::plain();
    let odd = request(&server).with_header("x-key", "hush\r\ninjected: 1");
    assert_eq!(kind(&client(), odd).await, HttpErrorKind::Invalid);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_fails_after_writing_is_no_proof() {
    for (play, expected) in [
        (Play::Reset, HttpErrorKind::Interrupted),
        (Play::Close, HttpErrorKind::Interrupted),
        (Play::Truncate(Answer::new(200).body("0123456789")), HttpErrorKind::Interrupted),
        (Play::Silent, HttpErrorKind::TimedOut),
        (Play::Stall(Answer::new(200).body("0123456789")), HttpErrorKind::TimedOut),
        (Play::Answer(Answer::new(200).body(vec![0; 70_000])), HttpErrorKind::TooLarge),
    ] {
        let server = LocalServer::plain();
        server.always(play.clone());
        assert_eq!(kind(&client(), request(&server)).await, expected, "{play:?}");
        assert_eq!(server.seen().len(), 1, "{play:?}");
    }
}

#[tokio::test]
async fn connections_are_reused_over_tls_too() {
    let authority = Authority::new();
    for server in [LocalServer::plain(), LocalServer::tls(&authority)] {
        let client = ReqwestClient::builder()
            .trust_root(authority.root())
            .configure(|reqwest| reqwest.no_proxy())
            .build()
            .unwrap();
        for _ in 0..10 {
            assert_eq!(client.send(request(&server)).await.unwrap().status(), 200);
        }
        assert_eq!((server.seen().len(), server.connections()), (10, 1));
    }
}

/// The server reads a request on a kept connection and closes without a word. hyper must not send it
/// again on another connection: the provider may have taken the text.
#[tokio::test]
async fn a_reused_connection_that_dies_unanswered_is_no_proof_and_no_repeat() {
    for play in [Play::Close, Play::Reset] {
        for _ in 0..50 {
            let server = LocalServer::plain();
            let client = client();
            client.send(request(&server)).await.unwrap();
            server.next(play.clone());
            assert_eq!(kind(&client, request(&server)).await, HttpErrorKind::Interrupted);
            let seen = server.seen();
            assert_eq!(seen.len(), 2, "the request was repeated");
            assert_eq!((seen[0].connection, seen[1].connection), (1, 1), "it was not reused");
        }
    }
}

/// The server closes the kept connection at the moment when the next request comes. Whether the
/// client notices in time or not, no request arrives twice, and one that was answered arrived.
#[tokio::test]
async fn a_pooled_connection_that_was_closed_never_doubles_a_request() {
    let server = LocalServer::plain();
    server.always(Play::AnswerAndClose(Answer::new(200)));
    let client = client();
    let (mut answered, mut unclear, mut unsent) = (0, 0, 0);
    for number in 0..500 {
        let marked = request(&server).with_header("x-number", number.to_string());
        match client.send(marked).await.map_err(|error| HttpError::kind(&error)) {
            Ok(_) => answered += 1,
            Err(HttpErrorKind::Unreachable) => unsent += 1,
            Err(_) => unclear += 1,
        }
    }
    let seen = server.seen();
    let mut numbers: Vec<_> = seen.iter().map(|one| one.header("x-number").unwrap()).collect();
    numbers.sort_unstable();
    let arrived = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), arrived, "a request arrived twice");
    assert!(arrived >= answered && arrived <= answered + unclear, "{arrived} {answered} {unclear}");
    assert_eq!(unsent, 0, "the server was there all the time");
    println!("{answered} answered, {unclear} unclear, {arrived} arrived");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_goes_nowhere() {
    let elsewhere = LocalServer::plain();
    let server = LocalServer::plain();
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.base_url().join("/stolen");
        server.always(Play::Answer(Answer::new(status).with("location", location)));
        let answer = client().send(request(&server)).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// `configure` cannot switch redirects back on.
#[tokio::test]
async fn redirects_stay_off_whatever_is_configured() {
    let elsewhere = LocalServer::plain();
    let server = LocalServer::plain();
    let location = elsewhere.base_url().join("/stolen");
    server.always(Play::Answer(Answer::new(307).with("location", location)));
    let client = ReqwestClient::builder()
        .configure(|reqwest| reqwest.no_proxy().redirect(reqwest::redirect::Policy::limited(5)))
        .build()
        .unwrap();
    assert_eq!(client.send(request(&server)).await.unwrap().status(), 307);
    assert_eq!(elsewhere.connections(), 0);
}

/// What is lost with a client that the caller has built: the redirect is followed. We say so.
#[tokio::test]
async fn a_redirect_that_a_foreign_client_followed_is_noticed() {
    let elsewhere = LocalServer::plain();
    let server = LocalServer::plain();
    let location = elsewhere.base_url().join("/stolen");
    server.always(Play::Answer(Answer::new(307).with("location", location)));
    let foreign = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls()).build();
    let client = ReqwestClient::with_client(foreign.unwrap());
    assert_eq!(kind(&client, request(&server)).await, HttpErrorKind::Interrupted);
    assert_eq!(elsewhere.seen().len(), 1);
}

fn tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[tokio::test]
async fn a_host_that_drops_packets_is_known_as_unreachable_before_the_deadline() {
    // A port whose queue of connections is full answers nothing: the same as a dropped packet.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _queued: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket.set_nonblocking(true).unwrap();
            drop(socket.connect(&address.into()));
            socket
        })
        .collect();
    let client = ReqwestClient::builder()
        .connect_timeout(Duration::from_millis(300))
        .configure(|reqwest| reqwest.no_proxy())
        .build()
        .unwrap();
    let request = HttpRequest::post(format!("http://{address}/x"));
    assert_eq!(kind(&client, request).await, HttpErrorKind::Unreachable);
}

//! The shop's own pages, made by hand so that nothing stands between a reader and the endpoints.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use otpgate::web::Endpoints;

use super::Outcome;
use super::bot::Browser;
use super::desk::Desk;
use super::doorman::SCRIPT;
use super::shop::{GOODS, OnCall, Shop};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'self'";
const STYLE: &str = "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}\
                     main{display:flex;flex-wrap:wrap;gap:2rem}section{flex:1 1 18rem}\
                     iframe{width:100%;height:26rem;border:1px solid #999;border-radius:1.5rem}\
                     button{font:inherit}";

#[derive(Clone)]
struct App {
    shop: Shop,
    desk: Desk,
    on_call: OnCall,
    endpoints: Endpoints,
}

pub fn router(shop: Shop, desk: Desk, on_call: OnCall, endpoints: Endpoints) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/pay/{good}", post(pay))
        .route("/phone", get(phone))
        .route("/doorman.js", get(async || ([(CONTENT_TYPE, "text/javascript")], SCRIPT)))
        .route("/staff", get(staff).post(sign_in))
        .with_state(App { shop, desk, on_call, endpoints })
}

async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    let visitor = app.shop.visitor(&headers);
    let who = match &visitor.number {
        Some(number) => format!("<p>Signed in with {}.</p>", escaped(number)),
        None => {
            "<p><a href=\"/otp?purpose=sign-up\">Sign up with your mobile number</a></p>".into()
        }
    };
    let goods: String = GOODS
        .iter()
        .map(|(path, name, cents)| {
            format!(
                "<form method=post action=\"/pay/{path}\"><button>{name}, EUR {}.{:02}</button></form>",
                cents / 100,
                cents % 100
            )
        })
        .collect();
    let bought = match visitor.bought.is_empty() {
        true => String::new(),
        false => format!("<p>Bought: {}</p>", visitor.bought.join(", ")),
    };
    let body = format!(
        "<h1>Otter &amp; Sons</h1><main><section>{who}{bought}{goods}\
         <p><a href=\"/ops\">The console</a> (<a href=\"/staff\">sign in</a>)</p></section>\
         <section><h2>The phone on the desk</h2><iframe src=\"/phone\" title=\"Texts\"></iframe></section></main>"
    );
    let mut response = page(&body, "");
    if app.shop.session(&headers).is_none() {
        let Ok(cookie) = app.shop.open().and_then(|session| Shop::cookie_of(&session)) else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Puts the payment into the shop's records and leads to the hosted form.
async fn pay(State(app): State<App>, Path(good): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Err(problem) = app.endpoints.check_own_page(&parts) {
        return problem.into_response();
    }
    let Some((_, name, cents)) = GOODS.into_iter().find(|(path, ..)| *path == good) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let to = match app.shop.visitor(&parts.headers).number {
        Some(_) => "/otp?purpose=payment",
        None => "/otp?purpose=sign-up",
    };
    app.shop.change(&parts.headers, |visitor| visitor.basket = Some((name, cents)));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// Loads itself again every two seconds, without script.
async fn phone(State(app): State<App>) -> Response {
    let texts: String = app
        .desk
        .texts()
        .iter()
        .map(|(number, text)| {
            let text = escaped(text).replace('\n', "<br>");
            format!("<p><small>to {}</small><br>{text}</p><hr>", escaped(number))
        })
        .collect();
    let texts = if texts.is_empty() { "<p>No texts yet.</p>".to_owned() } else { texts };
    page(&texts, "<meta http-equiv=refresh content=2>")
}

async fn staff() -> Response {
    page(
        "<h1>Staff</h1><form method=post><label>The password printed at the start \
         <input type=password name=password></label> <button>Sign in</button></form>",
        "",
    )
}

async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(problem) = app.endpoints.check_own_page(&parts) {
        return problem.into_response();
    }
    let body: Bytes = axum::body::to_bytes(body, 1_024).await.unwrap_or_default();
    // Hex needs no decoding.
    if body != format!("password={}", app.on_call.password()) {
        return (StatusCode::FORBIDDEN, "Not the password.").into_response();
    }
    let headers = [(LOCATION, "/ops".to_owned()), (SET_COOKIE, app.on_call.cookie())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn page(body: &str, head: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\">{head}<title>Otter &amp; Sons</title><style>{STYLE}</style>{body}</html>"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// `--check`: a visitor signs up, pays, and somebody looks at the console.
pub async fn visit(address: SocketAddr, origin: &str, desk: &Desk, password: &str) -> Outcome<()> {
    const NUMBER: &str = "+4915112345678";
    let mut browser = Browser::at(address, [127, 0, 0, 1].into(), origin);
    // By a link to the form: the shop has not seen this browser before.
    for (purpose, begin) in [("sign-up", None), ("payment", Some("/pay/boat"))] {
        if let Some(path) = begin {
            browser.post(path, "application/x-www-form-urlencoded", "").await?.expect(303)?;
        }
        browser.get(&format!("/otp?purpose={purpose}")).await?.expect(200)?;
        browser.get("/otp/code").await?.expect(303)?; // by its address, there is none yet
        browser.ask(purpose, NUMBER).await?.expect(200)?;
        browser.get("/otp/code").await?.expect(200)?;
        let text = desk.texts().front().map(|(_, text)| text.clone()).unwrap_or_default();
        let code = text.split(' ').next().unwrap_or_default();
        let body = format!("{{\"code\":\"{code}\"}}");
        browser.post("/otp/verify", "application/json", &body).await?.expect(200)?;
        println!("{purpose}: {}", text.lines().next().unwrap_or_default());
    }
    let home = browser.get("/").await?.expect(200)?;
    if !home.body.contains("Bought: Rowing boat") {
        return Err("the boat was not bought".into());
    }
    browser.get("/ops").await?.expect(401)?;
    let form = format!("password={password}");
    browser.post("/staff", "application/x-www-form-urlencoded", &form).await?.expect(303)?;
    browser.get("/ops").await?.expect(200)?;
    println!("the boat is bought, and the console answers whoever signed in");
    Ok(())
}

//! What a browser loads: the module's files and the hosted pages.

use otpgate::human::NoHumanCheck;
use otpgate::web::assets;
use otpgate::web::page::PageContext;
use otpgate::{EventKind, OutagePart, Purpose, Region};

use serde_json::json;

use super::site::{NUMBER, ORIGIN, Site};

async fn site() -> Site {
    let pages = |config: otpgate::web::ConfigBuilder| {
        let purposes = [Purpose::SIGN_UP, Purpose::RESET];
        config
            .default_region(Region::DE)
            .purposes(purposes)
            .pages(PageContext::new("Example", "/otp"))
    };
    Site::open_with(|gate| gate, pages).await
}

#[tokio::test]
async fn the_files_may_be_kept_for_ever_by_version_and_are_asked_for_by_name() {
    let site = site().await;
    let mut browser = site.browser("192.0.2.7");
    for asset in assets::ALL {
        for (path, control) in [
            (asset.path("/otp"), assets::IMMUTABLE),
            (format!("/otp/assets/{}", asset.name()), assets::REVALIDATED),
        ] {
            let request = browser.request("GET", &path, "", None);
            let answer = browser.exchange(&request).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, asset.bytes());
            assert_eq!(answer.header("cache-control"), Some(control));
            assert_eq!(answer.header("content-type"), Some(asset.content_type()));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
            assert_eq!(answer.header("set-cookie"), None);
            let etag = answer.header("etag").unwrap().to_owned();

            for (tags, status) in [
                (etag.clone(), 304),
                (format!("W/{etag}"), 304),
                (format!("\"0\", {etag}"), 304),
                ("*".to_owned(), 304),
                ("\"0\"".to_owned(), 200),
            ] {
                let tags = format!("If-None-Match: {tags}\r\n");
                let request = browser.request("GET", &path, &tags, None);
                let answer = browser.exchange(&request).await;
                assert_eq!(answer.status, status, "{tags}");
                assert_eq!(answer.body.is_empty(), status == 304);
                assert_eq!(answer.header("etag"), Some(&*etag));
            }
        }
    }
    // In a roll-out the page of one release asks the gate of another for its files. `integrity` compares
    // them, but for the Worker.
    for asset in assets::ALL {
        let path = format!("/otp/assets/0123456789abcdef/{}", asset.name());
        let request = browser.request("GET", &path, "", None);
        let answer = browser.exchange(&request).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if *asset == assets::WORKER {
            assert_eq!(answer.status, 404, "a module would run with another's");
            continue;
        }
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, asset.bytes());
    }
    for (method, path, status) in [
        ("GET", "/otp/assets/0123456789abcdef/Cargo.toml", 404),
        ("GET", "/otp/assets/0123456789abcde/otpgate.js", 404),
        ("GET", "/otp/assets/../otpgate.js", 404),
        ("GET", "/otp/assets/", 404),
        ("GET", "/otp/assets/../Cargo.toml", 404),
        ("GET", "/otp/assets/otpgate.js/", 404),
        ("POST", "/otp/assets/otpgate.js", 405),
        ("DELETE", "/otp/code", 405),
    ] {
        let request = browser.request(method, path, "", None);
        let answer = browser.exchange(&request).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn pages_speak_the_clients_language_for_a_purpose_that_is_offered() {
    let site = site().await;
    let mut browser = site.browser("192.0.2.7");
    for (path, accept, said) in [
        ("/otp", "fr-CH, en;q=0.5", "<html lang=\"fr\">"),
        ("/otp/", "", "<html lang=\"en\">"),
        ("/otp", "", "data-purpose=\"sign-up\""),
        ("/otp?purpose=reset", "", "data-purpose=\"reset\""),
        // A mail's link and a campaign add parameters of their own.
        ("/otp?purpose=reset&utm_source=mail", "", "data-purpose=\"reset\""),
        ("/otp?utm_source=mail&purpose=reset", "", "data-purpose=\"reset\""),
        ("/otp?utm_source=purpose=reset", "", "data-purpose=\"sign-up\""),
        ("/otp?", "", "data-purpose=\"sign-up\""),
    ] {
        let accept = format!("Accept-Language: {accept}\r\n");
        let request = browser.request("GET", path, &accept, None);
        let answer = browser.exchange(&request).await;
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8_lossy(&answer.body).contains(said), "{path}");
        let policy = PageContext::new("Example", "/otp").content_security_policy();
        assert_eq!(answer.header("content-security-policy"), Some(&*policy), "one, the page's");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for path in [
        "/otp?purpose=payment",
        "/otp?purpose=",
        "/otp?purpose",
        "/otp?purpose=%22%3E",
        // Which of them?
        "/otp?purpose=reset&purpose=sign-up",
        "/otp?purpose=reset&purpose=reset",
    ] {
        let request = browser.request("GET", path, "", None);
        let answer = browser.exchange(&request).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let request = browser.request("GET", "/otp/code", "", None);
    let answer = browser.exchange(&request).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/otp")));
}

/// Who starts over starts what they were at: a reset, not the sign-up that stands first.
#[tokio::test]
async fn who_starts_over_keeps_the_purpose() {
    let site = site().await;
    for (purpose, number, form) in
        [("reset", NUMBER, "/otp?purpose=reset"), ("sign-up", "+4915112345601", "/otp")]
    {
        let mut browser = site.browser("192.0.2.7");
        assert_eq!(browser.ask(purpose, number).await.status, 200);
        let answer = browser.get("/otp/code").await;
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{page}");
        assert!(page.contains(&format!("data-start=\"{form}\"")), "{page}");
        assert!(page.contains(&format!("<a href=\"{form}\">")), "{page}");

        // No attempt is left: the page is closed, and the grant still says what for.
        for _ in 0..5 {
            assert_eq!(browser.verify("not a code").await.status, 422);
        }
        let answer = browser.get("/otp/code").await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(form)));
    }
}

#[tokio::test]
async fn a_form_that_is_not_hosted_here_is_left_as_it_is() {
    let mut pages = PageContext::new("Example", "/otp");
    pages.form_url = "/account/forgotten".to_owned();
    let pages = |config: otpgate::web::ConfigBuilder| {
        let purposes = [Purpose::SIGN_UP, Purpose::RESET];
        config.default_region(Region::DE).purposes(purposes).pages(pages)
    };
    let site = Site::open_with(|gate| gate, pages).await;
    let mut browser = site.browser("192.0.2.7");
    assert_eq!(browser.ask("reset", NUMBER).await.status, 200);
    let answer = browser.get("/otp/code").await;
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(page.contains("data-start=\"/account/forgotten\""), "{page}");
}

#[tokio::test]
async fn a_host_without_hosted_pages_has_none() {
    let site = Site::open().await;
    let mut browser = site.browser("192.0.2.7");
    for path in ["/otp", "/otp/", "/otp/code"] {
        let request = browser.request("GET", path, "", None);
        let answer = browser.exchange(&request).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let path = assets::MODULE.path("/otp");
    let request = browser.request("GET", &path, "", None);
    assert_eq!(browser.exchange(&request).await.status, 200);
}

/// Nothing on such a page shows the widget: the first step-up by human check would end there, as an outage that
/// nobody hears of.
#[tokio::test]
async fn a_human_check_that_no_page_shows_is_told_at_the_start() {
    let pages = || PageContext::new("Example", "/otp");
    let mut scripted = pages();
    scripted.scripts.push("/static/turnstile.js".to_owned());
    let mut own_form = pages();
    own_form.form_url = "/sign-up".to_owned();
    for (check, pages, told) in [
        (true, Some(pages()), 1),
        (false, Some(pages()), 0),
        (true, Some(scripted), 0),
        (true, Some(own_form), 0),
        (true, None, 0),
    ] {
        let shown = format!("{check} {pages:?}");
        let site = Site::open_with(
            |gate| if check { gate.human_check(NoHumanCheck) } else { gate },
            |config| match pages {
                Some(pages) => config.pages(pages),
                None => config,
            },
        )
        .await;
        let heard = site.log.count(|kind| {
            matches!(kind, EventKind::Outage { part: OutagePart::Host, what }
                if what.contains("`PageContext::scripts`"))
        });
        assert_eq!(heard, told, "{shown}");
    }
}

/// The text speaks the language of the page that asked for it.
#[tokio::test]
async fn a_text_speaks_the_language_of_the_page() {
    let site = site().await;
    for (n, (accept, said)) in
        [("de-AT, en;q=0.5", "ist Ihr"), ("fr", "est votre"), ("nl", "is your")]
            .into_iter()
            .enumerate()
    {
        let number = format!("+4915112345{n:03}");
        let mut browser = site.browser(&format!("203.0.113.{n}"));
        let proof = browser.proof("sign-up", &number).await;
        let body = json!({ "purpose": "sign-up", "number": number, "proof": proof }).to_string();
        let json = "Content-Type: application/json\r\n";
        let lines = format!("{json}Origin: {ORIGIN}\r\nAccept-Language: {accept}\r\n");
        let request = browser.request("POST", "/otp/send", &lines, Some(body.as_bytes()));
        assert_eq!(browser.exchange(&request).await.status, 200);
        let sent = site.outbox.sent();
        let text = sent.last().unwrap().expose_text();
        assert!(text.contains(said), "{accept}: {text}");
    }
}

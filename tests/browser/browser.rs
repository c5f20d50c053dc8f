//! The page in headless Chromium, through WebDriver, against the real router, under the hosted pages' strict
//! policy: `default-src 'none'`, nothing inline, Trusted Types.
//!
//! Needs `chromium` and `chromium-driver` (Debian's). Where they are missing the tests say so and pass; in
//! CI (`CI` set) they fail. Pictures go to `otpgate-pictures` in the temporary folder.

#![allow(unreachable_pub)]

mod attached;
mod code_page;
mod driver;
mod history;
mod human_check;
mod measured;
mod module;
mod site;
mod web_otp;

use std::time::Duration;

use base64ct::{Base64Url, Encoding};
use driver::{Browser, ENTER, SPACE, Setup, TAB};
use otpgate::Region;
use otpgate::policy::Evidence;
use otpgate::token::{HumanTime, WorkBits};
use site::{SCRIPT, Shop, Site, Trusting, WIDGET};

const NUMBER: &str = "+4915112345678";
const TYPED: &str = "0151 12345678";

/// Lets the tab come back to the front.
const SEEN_AGAIN: &str = "document.dispatchEvent(new Event('visibilitychange'))";

/// Types the number and waits for the code page.
fn ask(browser: &Browser, site: &Site) {
    browser.go(&site.form());
    submit(browser, "#number", TYPED);
    on_code_page(browser);
}

fn submit(browser: &Browser, field: &str, text: &str) {
    browser.fill(field, text);
    browser.click("[type=submit]");
}

fn on_code_page(browser: &Browser) {
    browser.wait("the code page", || browser.url().ends_with("/otp/code"));
}

fn status(browser: &Browser, says: &str) {
    browser.wait(&format!("the status {says:?}"), || browser.text("[role=status]").contains(says));
}

fn welcome(browser: &Browser) {
    browser.wait("the welcome page", || browser.url().ends_with("/welcome"));
}

/// Whether the form is under way.
fn is_busy(browser: &Browser) -> bool {
    browser.script("return document.querySelector('form').hasAttribute('data-busy')") == true
}

/// Lets the page's clock run ahead.
fn later(browser: &Browser, seconds: u32) {
    browser.script(&format!(
        "const real = performance.now.bind(performance);
        performance.now = () => real() + {seconds} * 1000;"
    ));
}

/// Longer than a call of the loopback takes.
fn in_a_while(browser: &Browser) {
    browser.script("return new Promise(done => setTimeout(done, 700))");
}

/// Waits until another code may be asked for, on both clocks.
fn countdown_is_over(browser: &Browser, site: &Site) {
    browser.wait("the countdown", || browser.text("[data-resend]").contains("(0:"));
    site.clock.advance(Duration::from_secs(31));
    later(browser, 31);
    browser.wait("its end", || {
        browser.script("return document.querySelector('[data-resend]').ariaDisabled") == "false"
    });
}

#[test]
fn a_number_a_wrong_code_and_the_right_one() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    browser.go(&site.form());
    browser.picture("form");
    assert_eq!(browser.text("h1"), "Confirm your number");
    assert_eq!(browser.script("return document.querySelector('#number').autocomplete"), "tel");
    browser.click("[type=submit]");
    status(&browser, "fill in");
    submit(&browser, "#number", "not a number");
    status(&browser, "does not look like a phone number");
    browser.picture("form-error");
    assert_eq!(browser.script("return document.activeElement.id"), "number");
    assert_eq!(browser.script("return document.activeElement.ariaInvalid"), "true");
    assert!(site.asked("/otp/send").is_empty(), "the page sees it");

    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    browser.picture("code");
    assert!(browser.text("main").contains("+49 … 78"));
    let field = browser.script(
        "const f = document.querySelector('#code'); return [f.autocomplete, f.inputMode].join()",
    );
    assert_eq!(field, "one-time-code,numeric");
    let code = site.code(NUMBER);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    submit(&browser, "#code", wrong);
    status(&browser, "You have 4 attempts left");
    browser.picture("code-error");
    assert_eq!(browser.script("return document.activeElement.id"), "code");
    assert_eq!(browser.script("return violations"), serde_json::json!([]));
    submit(&browser, "#code", &code);
    welcome(&browser);
    assert_eq!(site.outbox.handed_off(), 1);

    // What is over cannot be looked at again.
    browser.go(&format!("{}/otp/code", site.origin));
    assert_eq!(browser.url(), site.form());
}

#[test]
fn the_code_page_has_no_address_without_a_grant() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    browser.go(&format!("{}/otp/code", site.origin));
    assert_eq!(browser.url(), site.form());
    let status = browser.script("return fetch('/otp/entry').then(answer => answer.status)");
    assert_eq!(status, 404);
}

#[test]
fn another_code_is_counted_down_to() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    let first = site.code(NUMBER);
    browser
        .wait("the countdown", || browser.text("[data-resend]").starts_with("Send it again (0:"));
    browser.picture("countdown");
    assert_eq!(
        browser.script("return document.querySelector('[data-resend]').ariaDisabled"),
        "true"
    );
    browser.click("[data-resend]");
    later(&browser, 31);
    browser.wait("the end of it", || browser.text("[data-resend]") == "Send it again");
    assert!(site.asked("/otp/resend").is_empty(), "too early a press does nothing");

    // The server decides: its clock still says too early.
    browser.click("[data-resend]");
    status(&browser, "You can try again in 0:3"); // in steps of five seconds
    site.clock.advance(Duration::from_secs(30));
    later(&browser, 31); // it is counted down again
    browser.wait("the end of it", || browser.text("[data-resend]") == "Send it again");
    browser.click("[data-resend]");
    status(&browser, "on its way to +49 … 78");
    browser.wait("the focus", || browser.script("return document.activeElement.id") == "code");
    browser.wait("a new countdown", || {
        ["(1:0", "(0:5"].iter().any(|left| browser.text("[data-resend]").contains(left))
    });
    let second = site.code(NUMBER);
    assert_ne!(first, second);

    later(&browser, 300);
    status(&browser, "has expired");
    submit(&browser, "#code", &second);
    welcome(&browser); // the page's clock is not the server's
}

#[test]
fn a_lapsed_ticket_is_renewed() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    // The page was left open, and only the server knows for how long.
    browser.go(&site.form());
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 1);
    site.clock.advance(Duration::from_secs(601));
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    assert_eq!(site.asked("/otp/preflight").len(), 2);
    assert_eq!((site.asked("/otp/send").len(), site.outbox.handed_off()), (2, 1));

    // The page knows as well, when it is looked at again.
    browser.go(&site.form());
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 3);
    later(&browser, 601);
    browser.script("document.dispatchEvent(new Event('visibilitychange'))");
    browser.wait("another", || site.asked("/otp/preflight").len() == 4);
    browser.script("document.dispatchEvent(new Event('visibilitychange'))");
    submit(&browser, "#number", "0151 12345679");
    on_code_page(&browser);
    assert_eq!(site.asked("/otp/preflight").len(), 4);
    assert_eq!((site.asked("/otp/send").len(), site.outbox.handed_off()), (3, 2));
}

#[test]
fn a_token_is_worth_one_text() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    site.clock.advance(Duration::from_secs(60));
    let replay = format!(
        "return fetch('/otp/send', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},
          body: {} }}).then(answer => answer.json()).then(problem => problem.type)",
        serde_json::json!(site.asked("/otp/send")[0])
    );
    assert_eq!(browser.script(&replay), "urn:otpgate:problem:reload-page");
    assert_eq!(site.outbox.handed_off(), 1);
}

fn shop_with_work(bits: u8) -> Shop {
    let mut shop = Shop::default();
    shop.policy.token.work = WorkBits::new(bits).unwrap();
    shop.policy.token.step_up_work = WorkBits::new(bits + 1).unwrap();
    shop
}

#[test]
fn work_is_done_in_a_worker_and_without_one() {
    let Some(browser) = Browser::open() else { return };
    const BASE: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; ";
    for (csp, workers, refused) in [
        (None, 1, None),
        // An error event, an exception, and another exception.
        (Some("worker-src 'none'"), 1, Some("worker-src")),
        (
            Some("worker-src 'self'; require-trusted-types-for 'script'; trusted-types nobody"),
            0,
            Some("trusted-types"),
        ),
        (
            Some("worker-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"),
            0,
            Some("trusted-types"),
        ),
        // What blob widgets ask for.
        (Some("worker-src blob:"), 1, Some("worker-src")),
        (Some("worker-src 'self'"), 1, None),
    ] {
        let csp = csp.map(|rest| &*format!("{BASE}{rest}").leak());
        // The page makes the first tries itself: again, if one of them was right.
        let found = (0..9).find(|_| {
            let site = Site::open(Shop { csp, ..shop_with_work(17) });
            browser.go(&site.form());
            browser.script(
                "document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())",
            );
            submit(&browser, "#number", TYPED);
            browser.wait("a text", || site.outbox.handed_off() == 1);
            counter(&site.asked("/otp/send")[0]) >= 8_192
        });
        assert!(found.is_some());
        assert_eq!(browser.script("return workers"), workers, "{csp:?}");
        let seen =
            |what: &str| browser.script(&format!("return violations.includes('{what}')")) == true;
        match refused {
            Some(refused) => browser.wait(refused, || seen(refused)),
            None => assert!(
                !seen("worker-src") && !seen("trusted-types") && !seen("script-src"),
                "{csp:?}"
            ),
        }
    }
}

/// The counter of the proof in a posted form.
fn counter(body: &str) -> u32 {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let proof = Base64Url::decode_vec(body["proof"].as_str().unwrap()).unwrap();
    u32::from_be_bytes(proof[99..103].try_into().unwrap())
}

#[test]
fn a_step_up_by_work_is_answered() {
    let Some(browser) = Browser::open() else { return };
    let mut shop = Shop::default();
    let drain = Duration::from_secs(60);
    shop.policy.quotas.client_unverified = Some(Evidence { soft: 1, hard: 9, drain });
    let site = Site::open(shop);
    ask(&browser, &site);
    site.clock.advance(Duration::from_secs(30));
    browser.go(&site.form());
    submit(&browser, "#number", "0151 12345679");
    on_code_page(&browser);
    assert_eq!(site.outbox.handed_off(), 2);
    assert_eq!(site.asked("/otp/send").len(), 3, "one of them was answered with a step-up");
}

#[test]
fn work_can_be_cancelled() {
    let Some(browser) = Browser::open() else { return };
    // Six seconds of work on average; a lucky page is quicker than the press, so it is tried again.
    let cancelled = (0..20).any(|_| {
        let site = Site::open(shop_with_work(23));
        browser.go(&site.form());
        submit(&browser, "#number", TYPED);
        let working =
            "const bar = document.querySelector('progress'); return Boolean(bar) && bar.value > 0";
        browser
            .wait("progress", || browser.script(working) == true || site.outbox.handed_off() > 0);
        browser.script("document.querySelector('[data-cancel]')?.click()");
        browser.wait("an end", || {
            site.outbox.handed_off() > 0
                || browser.text("[role=status]") == "Cancelled. Nothing was sent."
        });
        let idle = "return !document.querySelector('form').hasAttribute('data-busy')
          && document.querySelector('[data-cancel]').hidden";
        site.asked("/otp/send").is_empty() && browser.script(idle) == true
    });
    assert!(cancelled);
}

#[test]
fn the_page_waits_as_long_as_a_person_types() {
    let Some(browser) = Browser::open() else { return };
    let mut shop = Shop::default();
    shop.policy.token.human_time = HumanTime::new(Duration::from_secs(2)).unwrap();
    let site = Site::open(shop);
    browser.go(&site.form());
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 1);
    site.clock.advance(Duration::from_secs(2));
    // In the page's own time, from the answer to the post.
    browser.script(
        "const took = performance.getEntriesByType('resource').find(e => e.name.endsWith('preflight'));
        document.querySelector('form').addEventListener('otpgate:sent', event => {
          event.preventDefault();
          const post = performance.getEntriesByType('resource').find(e => e.name.endsWith('send'));
          window.waited = post.startTime - took.responseEnd;
        });",
    );
    submit(&browser, "#number", TYPED);
    browser.wait("a text", || !browser.script("return window.waited ?? null").is_null());
    let waited = browser.script("return waited").as_f64().unwrap();
    assert!((1_990.0..20_000.0).contains(&waited), "{waited}");
}

#[test]
fn the_keyboard_is_enough() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    browser.go(&site.form());
    let focus_is = |id: &str| {
        browser.press(TAB);
        assert_eq!(
            browser.script("return document.activeElement.id || document.activeElement.type"),
            id
        );
    };
    focus_is("number");
    browser.press(&format!("{TYPED}{ENTER}"));
    on_code_page(&browser);
    browser.wait("the script", || {
        browser.script("return !document.querySelector('[type=submit]').disabled") == true
    });
    assert_eq!(browser.script("return document.activeElement.id"), "code");
    browser.press(&site.code(NUMBER));
    focus_is("submit");
    browser.picture("focus");
    browser.press(SPACE);
    welcome(&browser);
}

#[test]
fn without_script_the_page_says_what_it_needs() {
    let Some(browser) = Browser::open_with(Setup { no_script: true, ..Setup::default() }) else {
        return;
    };
    let site = Site::open(Shop::default());
    browser.go(&site.form());
    browser.picture("no-script");
    assert!(
        browser.text("noscript p").contains("needs JavaScript: it checks that you are not a bot")
    );
    assert!(site.asked("/otp/preflight").is_empty());
}

#[test]
fn a_number_may_be_typed_in_any_digits() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop { region: Region::JP, ..Shop::default() });
    browser.go(&site.form());
    submit(&browser, "#number", "０９０－１２３４－５６７８");
    on_code_page(&browser);
    submit(&browser, "#code", &site.code("+819012345678"));
    welcome(&browser);
}

#[test]
fn two_tabs_share_the_grant_of_the_last_code() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    let (first, old) = (browser.tab(), site.code(NUMBER));
    site.clock.advance(Duration::from_secs(60));
    browser.new_tab();
    ask(&browser, &site);
    browser.show(&first);
    submit(&browser, "#code", &old);
    status(&browser, "wrong or too old");
    submit(&browser, "#code", &site.code(NUMBER));
    welcome(&browser);
}

#[test]
fn pressing_twice_sends_once() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(shop_with_work(14));
    browser.go(&site.form());
    browser.fill("#number", TYPED);
    browser.script(
        "const form = document.querySelector('form');
        form.requestSubmit(); form.requestSubmit();
        form.querySelector('[type=submit]').click();
        form.addEventListener('otpgate:sent', () => form.requestSubmit());",
    );
    on_code_page(&browser);
    assert_eq!((site.asked("/otp/send").len(), site.outbox.handed_off()), (1, 1));
    browser.fill("#code", &site.code(NUMBER));
    browser.script(
        "const form = document.querySelector('form'); form.requestSubmit(); form.requestSubmit();",
    );
    welcome(&browser);
    assert_eq!(site.asked("/otp/verify").len(), 1);
}

#[test]
fn a_phone_of_320_pixels_and_four_languages() {
    let phone = Some((320, 640));
    for (languages, title, hint) in [
        ("en", "Confirm your number", "6 digits."),
        ("de-AT,de", "Nummer bestätigen", "6 Ziffern."),
        ("fr", "Confirmez votre numéro", "6 chiffres."),
        ("es-MX", "Confirme su número", "6 cifras."),
    ] {
        let setup = Setup { phone, languages: Some(languages), ..Setup::default() };
        let Some(browser) = Browser::open_with(setup) else { return };
        let site = Site::open(Shop::default());
        browser.go(&site.form());
        let wide = "return document.documentElement.scrollWidth";
        assert_eq!(browser.text("h1"), title);
        assert_eq!(browser.script(wide), 320);
        browser.picture(&format!("phone-form-{}", &languages[..2]));
        submit(&browser, "#number", TYPED);
        on_code_page(&browser);
        assert!(browser.text("#hint").starts_with(hint));
        assert_eq!(browser.script(wide), 320);
        browser.picture(&format!("phone-code-{}", &languages[..2]));
    }
}

#[test]
fn without_a_network_the_page_says_so() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    browser.go(&site.form());
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 1);
    browser.offline(true);
    submit(&browser, "#number", TYPED);
    status(&browser, "There is no connection");
    browser.offline(false);
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
}

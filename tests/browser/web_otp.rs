//! Codes that come by themselves.

use super::*;

/// No headless browser gets texts, so the page's own `credentials.get` is in the browser's place. It obeys its
/// signal, unless it is told to be late.
const WEB_OTP: &str = "
    window.asked = [];
    navigator.credentials.get = ({ otp, signal }) => new Promise((resolve, reject) => {
      asked.push({ transport: otp.transport.join(), signal, resolve, reject });
      signal.addEventListener('abort', () => window.late || reject(signal.reason));
    });
";

/// A page that is only being loaded has no scripts of its own yet.
fn waits_for_a_code(browser: &Browser) {
    browser.wait("WebOTP", || browser.script("return window.asked?.length ?? 0") == 1);
}

#[test]
fn a_code_that_comes_by_itself_is_entered() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop { module: Some(WEB_OTP.to_owned()), ..Shop::default() });
    browser.go(&site.form());
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 1);
    assert_eq!(browser.script("return asked.length"), 0, "no code is waited for here");
    ask(&browser, &site);
    waits_for_a_code(&browser);
    assert_eq!(browser.script("return asked[0].transport"), "sms");
    let code = site.code(NUMBER);
    browser.script(&format!("asked[0].resolve({{ code: '{code}' }})"));
    welcome(&browser);
    assert_eq!(site.asked("/otp/verify"), [format!("{{\"code\":\"{code}\"}}")]);
}

#[test]
fn whatever_ends_the_wait_for_a_code_means_no_code() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop { module: Some(WEB_OTP.to_owned()), ..Shop::default() });
    ask(&browser, &site);
    waits_for_a_code(&browser);
    for name in ["TimeoutError", "AbortError", "NotAllowedError", "InvalidStateError"] {
        browser.go(&format!("{}/otp/code", site.origin));
        waits_for_a_code(&browser);
        browser.script("window.unseen = 0; addEventListener('unhandledrejection', () => unseen++)");
        browser.fill("#code", "12");
        browser.script(&format!("asked[0].reject(new DOMException('', '{name}'))"));
        let state = "return [document.querySelector('#code').value, unseen,
          document.querySelector('[role=status]').textContent].join()";
        assert_eq!(browser.script(state), "12,0,", "{name}");
    }
    assert!(site.asked("/otp/verify").is_empty());

    // A submit ends the wait, whatever the browser makes of the signal; then it is waited for again.
    browser.go(&format!("{}/otp/code", site.origin));
    waits_for_a_code(&browser);
    browser.script("window.late = true");
    let code = site.code(NUMBER);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    submit(&browser, "#code", wrong);
    status(&browser, "You have 4 attempts left");
    assert_eq!(
        browser.script("return asked.map(each => each.signal.aborted)"),
        serde_json::json!([true, false])
    );
    browser.script("asked[0].resolve({ code: '999999' })");
    browser.script("return new Promise(done => setTimeout(done, 50))");
    assert_eq!(browser.script("return document.querySelector('#code').value"), wrong);
    assert_eq!(site.asked("/otp/verify").len(), 1, "what comes too late is left alone");
    submit(&browser, "#code", &code);
    welcome(&browser);
}

/// The text may be there before the answer of the call that sent it: nothing is waited for anew.
#[test]
fn a_code_is_waited_for_while_another_is_asked_for() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop { module: Some(WEB_OTP.to_owned()), ..Shop::default() });
    ask(&browser, &site);
    waits_for_a_code(&browser);
    countdown_is_over(&browser, &site);
    browser.click("[data-resend]");
    status(&browser, "on its way to +49 … 78");
    browser.wait("the end", || !is_busy(&browser));
    let asked = "return asked.map(each => each.signal.aborted)";
    assert_eq!(browser.script(asked), serde_json::json!([false]));
    browser.script(&format!("asked[0].resolve({{ code: '{}' }})", site.code(NUMBER)));
    welcome(&browser);
}

//! Back, forward, and the cache of whole pages.

use super::*;

#[test]
fn the_page_that_comes_back_from_the_history_works() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    browser.back();
    browser.wait("the form", || browser.url() == site.form());
    submit(&browser, "#number", TYPED);
    status(&browser, "You can try again in 0:");
    assert_eq!(site.outbox.handed_off(), 1);

    // As it was left: under way. The event is that of a page whose scripts were frozen.
    browser.script(
        "document.querySelector('form').addEventListener('otpgate:sent', e => window.gone = true)",
    );
    browser.script("window.stop(); history.pushState(0, '', '#there')");
    browser.script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    assert!(!is_busy(&browser));
    assert_eq!(browser.text("[role=status]"), "", "what was under way is not");

    // A code page that is over leads to the form.
    let code = site.code(NUMBER);
    browser.go(&format!("{}/otp/code", site.origin));
    let verified = browser.script(&format!(
        "return fetch('/otp/verify', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},
          body: JSON.stringify({{ code: '{code}' }}) }}).then(answer => answer.status)"
    ));
    assert_eq!(verified, 200);
    browser.script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    browser.wait("the form", || browser.url() == site.form());
}

/// What the tab showed, in order; `!` after what came from the back-forward cache.
fn shown(browser: &Browser) -> String {
    let shown = browser.script("return sessionStorage.shown ?? ''");
    shown.as_str().unwrap().trim_end().to_owned()
}

/// A host's own pages, which may be kept: Chromium keeps them whole, with their scripts.
#[test]
fn the_back_forward_cache_gives_a_page_that_works() {
    let Some(browser) = Browser::open() else { return };
    // Without WebOTP, which keeps a page out of the cache: see below.
    let module = Some("delete window.OTPCredential;".to_owned());
    let site = Site::open(Shop { kept: true, module, ..Shop::default() });
    ask(&browser, &site);
    browser.back();
    browser.wait("the form", || shown(&browser) == "/otp /otp/code /otp!");
    assert!(!is_busy(&browser));
    assert_eq!(browser.text("[role=status]"), "", "nothing is under way");
    browser.wait("a fresh ticket", || site.asked("/otp/preflight").len() == 2);
    site.clock.advance(Duration::from_secs(60));
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    assert_eq!((site.asked("/otp/preflight").len(), site.outbox.handed_off()), (2, 2));

    // The form had lain in the cache for longer than its ticket lives.
    browser.back();
    browser.wait("a ticket", || site.asked("/otp/preflight").len() == 3);
    browser.go(&format!("{}/welcome", site.origin));
    browser.back();
    browser.wait("the form", || shown(&browser).ends_with("/otp!"));
    assert_eq!(site.asked("/otp/preflight").len(), 3, "the ticket is good");
    browser.go(&format!("{}/welcome", site.origin));
    site.clock.advance(Duration::from_secs(601));
    browser.back();
    later(&browser, 601);
    submit(&browser, "#number", "0151 12345679");
    on_code_page(&browser);
    assert_eq!((site.asked("/otp/preflight").len(), site.outbox.handed_off()), (4, 3));

    // A code page that has been used meanwhile leads to the form.
    let code = site.code("+4915112345679");
    // So that no answer is under way when the page is put aside.
    browser.wait("the entry", || browser.text("[data-resend]").contains('('));
    browser.click(".otp-more a");
    browser.wait("the form", || browser.url() == site.form());
    let verified = browser.script(&format!(
        "return fetch('/otp/verify', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},
          body: JSON.stringify({{ code: '{code}' }}) }}).then(answer => answer.status)"
    ));
    assert_eq!(verified, 200);
    browser.back();
    browser.wait("the form", || shown(&browser).ends_with("/otp/code! /otp"));
}

/// The hosted pages are `no-store`, so they are loaded anew. And so is a code page that asks WebOTP for its
/// code: Chromium keeps none that has.
#[test]
fn pages_that_may_not_be_kept_are_asked_for_again() {
    let Some(browser) = Browser::open() else { return };
    for kept in [false, true] {
        let site = Site::open(Shop { kept, ..Shop::default() });
        ask(&browser, &site);
        browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
        browser.click(".otp-more a");
        browser.wait("the form", || browser.url() == site.form());
        browser.back();
        on_code_page(&browser);
        browser.wait("the entry", || site.asked("/otp/entry").len() == 2);
        assert!(shown(&browser).ends_with("/otp/code"), "{}", shown(&browser));
        let why = "const [page] = performance.getEntriesByType('navigation');
          return page.notRestoredReasons.reasons.map(({ reason }) => reason)";
        let why = browser.script(why).to_string();
        let expected = if kept { "otpcredential" } else { "response-cache-control-no-store" };
        assert!(why.contains(expected), "{why}");
    }
}

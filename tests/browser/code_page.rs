//! The code page where something goes otherwise than planned: a lost answer, a refusal, a code that
//! comes while another is asked for.

use otpgate::policy::Quota;

use super::*;

/// Holds the answers of `/resend` back until `release()`.
const HELD: &str = "
    const real = fetch;
    window.fetch = async (url, init) => {
      const reply = await real(url, init);
      if (url.endsWith('/resend')) await new Promise(done => window.release = done);
      return reply;
    };
";

fn shop(module: &str) -> Shop {
    Shop { module: Some(module.to_owned()), ..Shop::default() }
}

fn value(browser: &Browser) -> String {
    browser.script("return document.querySelector('#code').value").as_str().unwrap().to_owned()
}

/// Somebody who waits for a text that is withheld waits with the hint that it may not come.
#[test]
fn an_alert_is_shown_for_as_long_as_it_lasts() {
    let Some(browser) = Browser::open() else { return };
    let alert = "
        const real = fetch;
        window.fetch = async (url, init) => {
          const reply = await real(url, init);
          if (!url.endsWith('send')) return reply;
          return Response.json({ ...await reply.json(), may_be_withheld: url.endsWith('/send') });
        };
    ";
    for (module, alert) in [("", false), (alert, true)] {
        let site = Site::open(shop(module));
        ask(&browser, &site);
        browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
        let shown = || browser.text("[data-withheld]").contains("some texts do not go out");
        browser.wait("the hint", || shown() == alert);
        browser.picture(if alert { "code-withheld" } else { "code-sent" });
        browser.go(&format!("{}/otp/code", site.origin));
        browser.wait("the entry", || site.asked("/otp/entry").len() == 2);
        browser.wait("the hint of before", || shown() == alert);
        countdown_is_over(&browser, &site);
        browser.click("[data-resend]");
        status(&browser, "on its way to +49 … 78");
        browser.wait("no hint any more", || !shown());
    }
}

/// What a human check would cure is refused to a resend, and the first form can ask for one.
#[test]
fn who_gets_no_other_code_here_is_led_to_the_form() {
    let Some(browser) = Browser::open() else { return };
    let check = Trusting { provider: "trust", script: None };
    let mut shop = Shop { human: Some(Box::new(check)), ..shop(WIDGET) };
    shop.policy.quotas.number = vec![Quota::hourly(1)];
    let site = Site::open(shop);
    ask(&browser, &site);
    assert_eq!(browser.text("[data-again]"), "", "nobody needs it yet");
    countdown_is_over(&browser, &site);
    browser.click("[data-resend]");
    status(&browser, "It may be sooner if you start again.");
    browser.picture("code-again");
    assert_eq!(site.outbox.handed_off(), 1);
    on_code_page(&browser); // the code of before may still come
    assert_eq!(browser.text("[data-again]"), "Start again");
    browser.click("[data-again]");
    browser.wait("the form", || browser.url() == site.form());
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    assert_eq!(site.outbox.handed_off(), 2, "by a human check");
    submit(&browser, "#code", &site.code(NUMBER));
    welcome(&browser);
}

/// The interval is what the page counts down: it is waited for.
#[test]
fn who_is_too_early_is_told_to_wait() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    browser.wait("the countdown", || browser.text("[data-resend]").contains("(0:"));
    later(&browser, 31);
    browser.wait("its end", || browser.text("[data-resend]") == "Send it again");
    browser.click("[data-resend]");
    status(&browser, "You can try again in 0:3");
    browser.wait("a countdown", || browser.text("[data-resend]").contains("(0:"));
    assert_eq!(browser.text("[data-again]"), "");
}

/// Verified in another tab, or the page lay for too long: the code was neither wrong nor the last.
#[test]
fn a_verification_that_is_over_is_not_told_as_a_wrong_code() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
    let code = site.code(NUMBER);
    let verified = browser.script(&format!(
        "return fetch('/otp/verify', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},
          body: JSON.stringify({{ code: '{code}' }}) }}).then(answer => answer.status)"
    ));
    assert_eq!(verified, 200);
    submit(&browser, "#code", &code);
    status(&browser, "This is over. Please start again.");
    on_code_page(&browser);
    browser.click("[data-again]");
    browser.wait("the form", || browser.url() == site.form());

    site.clock.advance(Duration::from_secs(3_600));
    ask(&browser, &site);
    browser.wait("the entry", || site.asked("/otp/entry").len() == 3);
    site.clock.advance(Duration::from_secs(16 * 60));
    submit(&browser, "#code", &site.code(NUMBER));
    status(&browser, "This is over. Please start again.");
}

/// Accepted in a tunnel: the answer was lost, and the second press is rejected.
#[test]
fn a_code_whose_answer_was_lost_may_have_been_accepted() {
    let Some(browser) = Browser::open() else { return };
    let lost = "
        const real = fetch;
        window.fetch = async (url, init) => {
          if (!url.endsWith('/verify') || window.mended) return real(url, init);
          if (window.arrives) await real(url, init);
          throw new TypeError('no network');
        };
    ";
    for again in ["submit", "look"] {
        let site = Site::open(shop(lost));
        ask(&browser, &site);
        browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
        browser.script("window.arrives = true");
        submit(&browser, "#code", &site.code(NUMBER));
        status(&browser, "There is no connection");
        browser.script("window.mended = true");
        if again == "submit" {
            browser.click("[type=submit]");
        } else {
            browser.script(SEEN_AGAIN);
        }
        status(&browser, "your code may have been accepted");
        in_a_while(&browser);
        on_code_page(&browser);
        assert_eq!(browser.text("[data-again]"), "Start again");
    }

    // What never arrived was not accepted.
    let site = Site::open(shop(lost));
    ask(&browser, &site);
    let code = site.code(NUMBER);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    submit(&browser, "#code", wrong);
    status(&browser, "There is no connection");
    browser.script("window.mended = true");
    browser.click("[type=submit]");
    status(&browser, "You have 4 attempts left");
    submit(&browser, "#code", &code);
    welcome(&browser);
}

/// The text comes before the answer of the call that sent it.
#[test]
fn a_code_that_is_typed_while_another_is_asked_for_stays() {
    let Some(browser) = Browser::open() else { return };
    for (typed, presses) in [("123", false), ("", false), ("the code", true)] {
        let site = Site::open(shop(HELD));
        ask(&browser, &site);
        browser.fill("#code", "999");
        countdown_is_over(&browser, &site);
        browser.click("[data-resend]");
        browser.wait("the answer", || browser.script("return typeof release") == "function");
        let typed = if presses { site.code(NUMBER) } else { typed.to_owned() };
        if !typed.is_empty() {
            browser.fill("#code", &typed);
        }
        if presses {
            browser.script("document.querySelector('form').requestSubmit()");
        }
        browser.script("release()");
        if presses {
            welcome(&browser);
            continue;
        }
        status(&browser, "on its way to +49 … 78");
        browser.wait("the end", || {
            !is_busy(&browser) && browser.script("return document.activeElement.id") == "code"
        });
        in_a_while(&browser);
        assert_eq!(value(&browser), typed, "the code of before alone is taken away");
    }
}

/// A refusal selects what was posted, never what has been typed since; and a code that was entered
/// meanwhile is posted all the same.
#[test]
fn a_refused_resend_takes_no_code_away() {
    let Some(browser) = Browser::open() else { return };
    for presses in [false, true] {
        let site = Site::open(shop(HELD));
        ask(&browser, &site);
        browser.wait("the countdown", || browser.text("[data-resend]").contains("(0:"));
        later(&browser, 31);
        browser.wait("its end", || browser.text("[data-resend]") == "Send it again");
        browser.click("[data-resend]");
        browser.wait("the answer", || browser.script("return typeof release") == "function");
        browser.fill("#code", if presses { site.code(NUMBER) } else { "123".to_owned() }.as_str());
        if presses {
            browser.script("document.querySelector('form').requestSubmit(); release()");
            welcome(&browser);
            continue;
        }
        browser.script("release()");
        status(&browser, "You can try again in");
        browser.wait("the end", || !is_busy(&browser));
        let selected = "const { selectionStart, selectionEnd } = document.querySelector('#code');
          return selectionEnd - selectionStart";
        assert_eq!(browser.script(selected), 0);
    }
}

/// Back from the text, before the radio is up again.
#[test]
fn a_failing_refresh_leaves_what_is_typed_alone() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        const real = fetch;
        window.failed = 0;
        window.fetch = (url, init) => url.endsWith('/entry') && window.fails
          ? (failed++, Promise.reject(new TypeError('no network'))) : real(url, init);
    ";
    let site = Site::open(shop(module));
    ask(&browser, &site);
    browser.wait("the countdown", || browser.text("[data-resend]").contains("(0:"));
    browser.fill("#code", "123");
    browser.script("window.fails = true");
    browser.script(SEEN_AGAIN);
    browser.wait("the failure", || browser.script("return failed") == 1);
    in_a_while(&browser);
    let state = "const { value, selectionStart, selectionEnd } = document.querySelector('#code');
      const { textContent } = document.querySelector('[role=status]');
      return [value, selectionStart, selectionEnd, textContent, document.activeElement.id].join()";
    assert_eq!(browser.script(state), "123,3,3,,code");

    // The focus stays where it is, too.
    browser.script("document.querySelector('[data-resend]').focus()");
    browser.script(SEEN_AGAIN);
    browser.wait("the failure", || browser.script("return failed") == 2);
    in_a_while(&browser);
    assert_eq!(browser.script("return 'resend' in document.activeElement.dataset"), true);
}

#[test]
fn a_refresh_that_works_takes_back_what_the_first_one_said() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        const real = fetch;
        window.fetch = (url, init) => url.endsWith('/entry') && !window.mended
          ? Promise.reject(new TypeError('no network')) : real(url, init);
    ";
    let site = Site::open(shop(module));
    ask(&browser, &site);
    status(&browser, "There is no connection");
    browser.script("window.mended = true");
    browser.script(SEEN_AGAIN);
    browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
    browser.wait("silence", || browser.text("[role=status]").is_empty());
}

/// A connection that hangs is given up before the browser does it, minutes later.
#[test]
fn a_call_without_an_answer_ends() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        window.deadlines = [];
        AbortSignal.timeout = ms => {
          const deadline = new AbortController();
          deadlines.push(ms);
          window.expire = () => deadline.abort(new DOMException('', 'TimeoutError'));
          return deadline.signal;
        };
        const real = fetch;
        window.fetch = (url, init) => url.endsWith('/verify') && window.hangs
          ? new Promise((_, fail) => init.signal.onabort = () => fail(init.signal.reason))
          : real(url, init);
    ";
    let site = Site::open(shop(module));
    ask(&browser, &site);
    browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
    browser.script("window.hangs = true");
    let code = site.code(NUMBER);
    submit(&browser, "#code", &code);
    status(&browser, "One moment");
    browser.script("expire()");
    status(&browser, "There is no connection");
    browser.script("window.hangs = false");
    assert_eq!(browser.script("return deadlines.every(ms => ms === 60000)"), true);
    submit(&browser, "#code", &code);
    welcome(&browser);
}

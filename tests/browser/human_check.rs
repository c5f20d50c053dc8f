//! A step-up by human check, with the documented scripts.

use super::*;

#[test]
fn a_step_up_by_human_check_shows_the_hosts_widget() {
    let Some(browser) = Browser::open() else { return };
    for widget in [true, false] {
        let check = Trusting { provider: "trust", script: None };
        let module = widget.then(|| WIDGET.to_owned());
        let mut shop = Shop { human: Some(Box::new(check)), module, ..Shop::default() };
        shop.policy.token.human_check_always = true;
        let site = Site::open(shop);
        browser.go(&site.form());
        browser.script("document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())");
        submit(&browser, "#number", TYPED);
        if widget {
            browser.wait("a text", || site.outbox.handed_off() == 1);
            assert_eq!(browser.script("return shown"), "trust,key,sign-up");
            assert!(site.asked("/otp/send")[1].contains("\"human\":\"a-person\""));
        } else {
            status(&browser, "Something went wrong on our side");
            assert_eq!(site.outbox.handed_off(), 0);
        }
    }
}

/// The answer of the first form is late; by then the person has pressed Cancel.
#[test]
fn who_has_cancelled_is_shown_no_human_check() {
    let Some(browser) = Browser::open() else { return };
    let check = Trusting { provider: "trust", script: None };
    let module = Some(WIDGET.to_owned());
    let mut shop = Shop { human: Some(Box::new(check)), module, ..Shop::default() };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    browser.script(
        "const real = fetch;
        window.fetch = async (url, init) => {
          const reply = await real(url, init);
          if (url.endsWith('/send')) await new Promise(done => window.release = done);
          return reply;
        };",
    );
    submit(&browser, "#number", TYPED);
    browser.wait("the answer", || browser.script("return typeof release") == "function");
    browser.click("[data-cancel]");
    browser.script("release()");
    status(&browser, "Cancelled. Nothing was sent.");
    assert_eq!(browser.script("return typeof shown"), "undefined");
    assert!(!is_busy(&browser));
    assert_eq!((site.asked("/otp/send").len(), site.outbox.handed_off()), (1, 0));
}

/// A screen reader leaves out what is busy, and says nothing of it: neither the widget nor what it is
/// for may be in such a part.
#[test]
fn nothing_around_the_human_check_is_busy() {
    let Some(browser) = Browser::open() else { return };
    let check = Trusting { provider: "trust", script: None };
    let module = "
        document.addEventListener('otpgate:human', event => {
          event.preventDefault();
          const widget = event.target.appendChild(document.createElement('div'));
          const busy = part => Boolean(part.closest('[aria-busy=true]'));
          window.busy = [widget, document.querySelector('[role=status]')].map(busy);
          window.works = event.target.hasAttribute('data-busy');
        });
    ";
    let mut shop =
        Shop { human: Some(Box::new(check)), module: Some(module.to_owned()), ..Shop::default() };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    submit(&browser, "#number", TYPED);
    status(&browser, "show that you are not a robot");
    assert_eq!(browser.script("return busy"), serde_json::json!([false, false]));
    assert_eq!(browser.script("return works"), true, "for the style");
}

/// The page came from a gate that had no check yet, and knows none: the terms come with a new ticket.
#[test]
fn a_page_that_is_older_than_the_check_asks_what_to_show() {
    let Some(browser) = Browser::open() else { return };
    let check = Trusting { provider: "trust", script: None };
    let of_before = "
        const real = fetch;
        let first = true;
        window.fetch = async (url, init) => {
          const reply = await real(url, init);
          if (!url.endsWith('/preflight') || !first) return reply;
          first = false;
          return Response.json({ ...await reply.json(), human: null });
        };";
    let module = Some(format!("{WIDGET}\n{of_before}"));
    let mut shop = Shop { human: Some(Box::new(check)), module, ..Shop::default() };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    browser.script(
        "document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())",
    );
    submit(&browser, "#number", TYPED);
    browser.wait("a text", || site.outbox.handed_off() == 1);
    assert_eq!(browser.script("return shown"), "trust,key,sign-up");
    assert_eq!(site.asked("/otp/preflight").len(), 2);
}

/// A page of the host's own tells its own cancel and a failed check from a bug.
#[test]
fn what_ends_a_call_is_a_problem_of_ours() {
    let Some(browser) = Browser::open() else { return };
    let check = Trusting { provider: "trust", script: None };
    let module = "
        import { createOtp, OtpProblem } from '/otp/assets/otpgate.js';
        window.fails = async (human, signal) => {
          try {
            await createOtp({ purpose: 'sign-up', human }).send('0151 12345678', { signal });
          } catch (problem) {
            return problem instanceof OtpProblem && problem.kind;
          }
        };";
    let module = Some(module.to_owned());
    let mut shop = Shop { human: Some(Box::new(check)), module, ..Shop::default() };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    for (call, kind) in [
        ("fails(() => Promise.reject('300030'))", "outage"),
        ("fails(() => Promise.reject())", "outage"),
        ("fails(() => { throw new TypeError('a bug of the host') })", "outage"),
        ("fails(undefined, AbortSignal.abort())", "cancelled"),
        (
            "{ const own = new AbortController(); return fails((check, signal) => new Promise((_, fail) => {
              signal.onabort = () => fail(signal.reason);
              setTimeout(() => own.abort());
            }), own.signal) }",
            "cancelled",
        ),
        ("fails(undefined)", "step-up"),
    ] {
        let call = if call.starts_with('{') { call.to_owned() } else { format!("return {call}") };
        assert_eq!(browser.script(&call), kind, "{call}");
    }
    assert_eq!(site.outbox.handed_off(), 0);
}

/// The script of docs/web-browser.md below a heading.
fn documented(heading: &str) -> String {
    let page = include_str!("../../docs/web-browser.md");
    let (_, rest) = page.split_once(&format!("\n#### {heading}\n")).expect(heading);
    let (_, rest) = rest.split_once("```js\n").expect("a script");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// The same with what each vendor's begins with.
fn vendors(heading: &str) -> String {
    documented("For the four vendors") + &documented(heading)
}

/// What stands for a vendor's script: the calls that its pages name, with their arguments checked. The first
/// visitor fails, the second passes.
const STAND_INS: [(&str, &str, &str); 4] = [
    (
        "turnstile",
        "Turnstile",
        "window.turnstile = { render(box, o) {
          check(box.isConnected && o.sitekey === 'key' && o.action === 'sign-up');
          setTimeout(() => fails ? o['error-callback']('300030') : o.callback('a-person'), 20);
          return '1';
        } };",
    ),
    (
        "hcaptcha",
        "hCaptcha",
        "window.hcaptcha = { render(box, o) {
          check(box.isConnected && o.sitekey === 'key');
          setTimeout(() => fails ? o['error-callback']('network-error') : o.callback('a-person'), 20);
          return '1';
        } };",
    ),
    (
        "recaptcha",
        "reCAPTCHA v3",
        "window.grecaptcha = {
          ready: done => setTimeout(done, 20),
          execute: (key, { action }) => (check(key === 'key' && action === 'sign-up'),
            fails ? Promise.reject(new Error('no')) : Promise.resolve('a-person')),
        };",
    ),
    (
        "recaptcha-enterprise",
        "reCAPTCHA Enterprise",
        "window.grecaptcha = { enterprise: {
          ready: done => setTimeout(done, 20),
          execute: (key, { action }) => (check(key === 'key' && action === 'sign-up'),
            fails ? Promise.reject(new Error('no')) : Promise.resolve('a-person')),
        } };",
    ),
];

#[test]
fn the_documented_scripts_show_each_vendors_widget() {
    let Some(browser) = Browser::open() else { return };
    for (provider, heading, stand_in) in STAND_INS {
        for fails in [true, false] {
            let script = format!(
                "const fails = {fails}, asked = document.currentScript.src;
                const check = right => {{ window.wrong = window.wrong || !right }};
                {stand_in}
                window.loaded = new URL(asked).search;"
            );
            let check = Trusting { provider, script: Some("/static/vendor.js") };
            let mut shop = Shop {
                human: Some(Box::new(check)),
                module: Some(vendors(heading)),
                files: vec![("/static/vendor.js".to_owned(), SCRIPT, script.into_bytes())],
                ..Shop::default()
            };
            shop.policy.token.human_check_always = true;
            let site = Site::open(shop);
            browser.go(&site.form());
            assert_eq!(
                browser.script("return typeof loaded"),
                "undefined",
                "nobody is suspected yet"
            );
            browser.script("document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())");
            submit(&browser, "#number", TYPED);
            if fails {
                status(&browser, "Something went wrong on our side");
            } else {
                browser.wait("a text", || site.outbox.handed_off() == 1);
            }
            let render = if heading.starts_with("re") { "?render=key" } else { "?render=explicit" };
            assert_eq!(browser.script("return loaded"), render, "{heading}");
            assert_eq!(browser.script("return window.wrong ?? false"), false, "{heading}");
            assert_eq!(browser.script("return violations"), serde_json::json!([]), "{heading}");
        }
    }
}

/// The service says no to the first answer, so the form asks again: the widget of before is gone, with its
/// green tick, and so is one that Cancel ended.
#[test]
fn the_documented_scripts_leave_no_widget_behind() {
    let Some(browser) = Browser::open() else { return };
    for (provider, heading, stand_in) in STAND_INS {
        let answers = stand_in.replace("'a-person'", "answers.shift()");
        let script = format!(
            "window.answers ??= ['a-robot', 'a-person'];
            window.fails = false;
            window.check = right => {{ window.wrong = window.wrong || !right }};
            {answers}"
        );
        let check = Trusting { provider, script: Some("/static/vendor.js") };
        let mut shop = Shop {
            human: Some(Box::new(check)),
            module: Some(vendors(heading)),
            files: vec![("/static/vendor.js".to_owned(), SCRIPT, script.into_bytes())],
            ..Shop::default()
        };
        shop.policy.token.human_check_always = true;
        let site = Site::open(shop);
        browser.go(&site.form());
        browser.script("document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())");
        let parts = "return document.querySelectorAll('form > *').length";
        let scripts = "return document.querySelectorAll('script[src*=vendor]').length";
        let form = browser.script(parts);
        submit(&browser, "#number", TYPED);
        browser.wait("a text", || site.outbox.handed_off() == 1);
        assert_eq!(browser.script("return answers.length"), 0, "{heading}: asked twice");
        assert_eq!(browser.script(parts), form, "{heading}");
        assert_eq!(browser.script(scripts), 1, "{heading}");
        assert_eq!(browser.script("return window.wrong ?? false"), false, "{heading}");
        if heading.starts_with("re") {
            continue; // nothing is shown
        }

        // Nobody answers, and Cancel is pressed.
        browser.script(&format!("window.{provider}.render = box => window.box = box"));
        site.clock.advance(Duration::from_secs(60));
        browser.script("document.querySelector('form').requestSubmit()");
        browser.wait("the widget", || {
            browser.script("return window.box?.isConnected ?? null") == true
        });
        let focus = "return document.activeElement === window.box";
        assert_eq!(browser.script(focus), true, "{heading}: the widget is where the person is");
        browser.click("[data-cancel]");
        status(&browser, "Cancelled. Nothing was sent.");
        assert_eq!(browser.script(parts), form, "{heading}");
    }
}

/// The real widget, of npm's package `altcha`, at our challenge and through our check. Its folder `dist` is
/// named by `OTPGATE_ALTCHA`.
#[cfg(feature = "altcha")]
#[test]
fn the_widget_of_altcha_works_on_our_challenge() {
    use otpgate::human::altcha::{Altcha, AltchaSecret};

    let Some(folder) = std::env::var_os("OTPGATE_ALTCHA") else {
        driver::skipped("set OTPGATE_ALTCHA to the folder `dist` of npm's package altcha");
        return;
    };
    let Some(browser) = Browser::open() else { return };
    let folder = std::path::PathBuf::from(folder);
    let file = |path: &str| std::fs::read(folder.join(path)).expect("altcha's own files");
    let secret = AltchaSecret::new("sixteen bytes or more, of a test").unwrap();
    let mut shop = Shop {
        human: Some(Box::new(Altcha::builder(secret).cost(1_000).build().unwrap())),
        module: Some(documented("ALTCHA")),
        stylesheets: vec!["/static/altcha.css".to_owned()],
        files: vec![
            ("/static/altcha.js".to_owned(), SCRIPT, file("external/altcha.min.js")),
            ("/static/altcha.css".to_owned(), "text/css", file("external/altcha.css")),
            ("/static/pbkdf2.js".to_owned(), SCRIPT, file("workers/pbkdf2.js")),
        ],
        ..Shop::default()
    };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    assert_eq!((site.asked("/otp/challenge").len(), site.outbox.handed_off()), (1, 1));
    submit(&browser, "#code", &site.code(NUMBER));
    welcome(&browser);
}

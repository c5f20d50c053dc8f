//! A form that is attached, for as long as the host keeps it: what it does when there is nothing
//! more to do, and when the module finds it a second time.

use super::*;

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[test]
fn a_page_that_the_host_keeps_after_the_code_stays() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    for removed in [false, true] {
        site.clock.advance(Duration::from_secs(3_600));
        ask(&browser, &site);
        browser.script(&format!(
            "document.addEventListener('otpgate:verified', event => {{
              event.preventDefault();
              window.verified = event.detail.next;
              if ({removed}) event.target.remove();
            }})"
        ));
        submit(&browser, "#code", &site.code(NUMBER));
        browser.wait("the event", || !browser.script("return window.verified ?? null").is_null());
        let asked = (site.asked("/otp/entry").len(), site.asked("/otp/verify").len());
        browser.script(SEEN_AGAIN);
        browser.script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
        if !removed {
            browser.script("document.querySelector('form').requestSubmit()");
        }
        later(&browser, 3_600);
        in_a_while(&browser);
        on_code_page(&browser);
        let now = (site.asked("/otp/entry").len(), site.asked("/otp/verify").len());
        assert_eq!(asked, now, "nothing more is asked for");
        if !removed {
            assert!(!is_busy(&browser));
            assert!(!browser.text("[role=status]").contains("expired"));
        }
    }
}

/// A host's own page takes a form away when its verification is given up, without an event.
#[test]
fn a_form_that_the_host_took_away_leads_nowhere() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    let code = site.code(NUMBER);
    browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
    browser.script("window.form = document.querySelector('form'); form.remove()");
    let verified = browser.script(&format!(
        "return fetch('/otp/verify', {{ method: 'POST',
          headers: {{ 'content-type': 'application/json' }},
          body: JSON.stringify({{ code: '{code}' }}) }}).then(answer => answer.status)"
    ));
    assert_eq!(verified, 200);
    browser.script(SEEN_AGAIN);
    in_a_while(&browser);
    on_code_page(&browser);
    // Back in the document, it is a form as any.
    browser.script("document.querySelector('main').append(form)");
    browser.script(SEEN_AGAIN);
    browser.wait("the form", || browser.url() == site.form());
}

/// The person has gone on to something else by the time the answer comes.
#[test]
fn a_form_that_is_taken_away_while_its_post_is_under_way_leads_nowhere() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    for (path, field) in [("/send", "#number"), ("/verify", "#code")] {
        site.clock.advance(Duration::from_secs(3_600));
        if field == "#code" {
            ask(&browser, &site);
        } else {
            browser.go(&site.form());
        }
        let stays = browser.url();
        browser.script(&format!(
            "const real = fetch;
            window.fetch = async (url, init) => {{
              const reply = await real(url, init);
              if (url.endsWith('{path}')) await new Promise(done => window.release = done);
              return reply;
            }};"
        ));
        let code = || site.code(NUMBER);
        submit(&browser, field, &if field == "#code" { code() } else { TYPED.to_owned() });
        browser.wait("the answer", || browser.script("return typeof release") == "function");
        browser.script("window.form = document.querySelector('form'); form.remove(); release()");
        in_a_while(&browser);
        assert_eq!(browser.url(), stays, "{path}");
        let busy = browser.script("return form.hasAttribute('data-busy')");
        assert_eq!(busy, false, "it is a form as any");
    }
}

#[test]
fn the_last_wrong_code_is_told() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    ask(&browser, &site);
    let wrong = wrong(&site.code(NUMBER));
    for left in ["4 attempts", "3 attempts", "2 attempts", "one attempt", "no attempt"] {
        submit(&browser, "#code", wrong);
        status(&browser, &format!("You have {left} left"));
        on_code_page(&browser);
    }
    // It is told again, for as long as somebody tries; another code leads to the form.
    submit(&browser, "#code", wrong);
    in_a_while(&browser);
    status(&browser, "You have no attempt left");
    assert_eq!(site.asked("/otp/verify").len(), 6);
    later(&browser, 301);
    in_a_while(&browser);
    assert!(browser.text("[role=status]").ends_with("Please start again."), "and not: expired");
    browser.script(SEEN_AGAIN);
    browser.wait("the form", || browser.url() == site.form());
}

/// The module attaches what it finds; a host that calls `enhance` as well, or loads it from a second
/// address, must not post every code twice.
#[test]
fn a_form_is_attached_once() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        import { enhance } from '/otp/assets/otpgate.js';
        const form = document.querySelector('form');
        window.same = enhance(form) === enhance(form, {});
    ";
    let site = Site::open(Shop { module: Some(module.to_owned()), ..Shop::default() });
    browser.go(&site.form());
    browser.wait("a ticket", || !site.asked("/otp/preflight").is_empty());
    in_a_while(&browser);
    assert_eq!(site.asked("/otp/preflight").len(), 1);
    submit(&browser, "#number", TYPED);
    on_code_page(&browser);
    assert_eq!(browser.script("return same"), true);
    let code = site.code(NUMBER);
    submit(&browser, "#code", wrong(&code));
    status(&browser, "You have 4 attempts left");
    in_a_while(&browser);
    assert_eq!(site.asked("/otp/verify").len(), 1);
    submit(&browser, "#code", &code);
    welcome(&browser);
    assert_eq!((site.asked("/otp/send").len(), site.asked("/otp/verify").len()), (1, 2));
}

/// The module has attached the form before a host's script runs that imports it.
#[test]
fn what_a_host_gives_an_attached_form_counts() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        import { enhance } from '/otp/assets/otpgate.js';
        enhance(document.querySelector('form'), {
          human: async ({ provider }) => (window.shown = provider, 'a-person'),
        });
    ";
    let check = Trusting { provider: "trust", script: None };
    let module = Some(module.to_owned());
    let mut shop = Shop { human: Some(Box::new(check)), module, ..Shop::default() };
    shop.policy.token.human_check_always = true;
    let site = Site::open(shop);
    browser.go(&site.form());
    browser.script(
        "document.querySelector('form').addEventListener('otpgate:sent', e => e.preventDefault())",
    );
    submit(&browser, "#number", TYPED);
    browser.wait("a text", || site.outbox.handed_off() == 1);
    assert_eq!(browser.script("return shown"), "trust");
    assert_eq!(site.asked("/otp/send").len(), 2, "a step-up and its answer");
}

#[test]
fn an_entry_that_gives_no_answer_takes_nothing_away() {
    let Some(browser) = Browser::open() else { return };
    // The first question of the code page fails.
    let module = "
        const real = fetch;
        window.fetch = (path, ...rest) => path.endsWith('/entry') && !window.mended
          ? Promise.reject(new TypeError('no network')) : real(path, ...rest);
    ";
    let site = Site::open(Shop { module: Some(module.to_owned()), ..Shop::default() });
    ask(&browser, &site);
    let first = site.code(NUMBER);
    status(&browser, "There is no connection");
    browser.wait("the button", || {
        browser.script("return document.querySelector('[data-resend]').ariaDisabled") == "false"
    });
    assert_eq!(browser.text("[data-resend]"), "Send it again");
    // The server decides when.
    browser.script("window.mended = true");
    browser.click("[data-resend]");
    status(&browser, "You can try again in 0:3");
    assert_eq!(site.code(NUMBER), first);
    site.clock.advance(Duration::from_secs(31));
    later(&browser, 31); // it is counted down to now
    browser.wait("its end", || browser.text("[data-resend]") == "Send it again");
    browser.click("[data-resend]");
    status(&browser, "on its way to +49 … 78");
    assert_ne!(site.code(NUMBER), first);
    browser.wait("a countdown", || {
        ["(1:0", "(0:5"].iter().any(|left| browser.text("[data-resend]").contains(left))
    });
}

/// A host's form need not have the button.
#[test]
fn a_form_without_the_button_says_that_the_code_has_expired() {
    let Some(browser) = Browser::open() else { return };
    let module = "document.querySelectorAll('[data-resend]').forEach(each => each.remove())";
    let site = Site::open(Shop { module: Some(module.to_owned()), ..Shop::default() });
    ask(&browser, &site);
    browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
    later(&browser, 301);
    status(&browser, "has expired");
}

/// Who presses "Send it by e-mail" must not wait for the telephone.
#[test]
fn a_code_by_email_is_said_to_come_by_email() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        for (const channel of ['email', 'voice']) {
          const button = document.createElement('button');
          Object.assign(button.dataset, { resend: channel });
          button.type = 'button';
          document.querySelector('.otp-more')?.append(button);
        }
        const real = fetch;
        window.fetch = (url, init) => url.endsWith('/resend')
          ? Promise.resolve(Response.json({ number_hint: '+49 … 78' })) : real(url, init);
    ";
    let site = Site::open(Shop { module: Some(module.to_owned()), ..Shop::default() });
    ask(&browser, &site);
    for (channel, says) in
        [("email", "A code is on its way by e-mail."), ("voice", "on its way to +49 … 78")]
    {
        browser.wait("the entry", || !site.asked("/otp/entry").is_empty());
        later(&browser, 61);
        let ready = format!(
            "return document.querySelector('[data-resend={channel}]').ariaDisabled === 'false'"
        );
        browser.wait("the button", || browser.script(&ready) == true);
        browser.script(&format!("document.querySelector('[data-resend={channel}]').click()"));
        status(&browser, says);
    }
}

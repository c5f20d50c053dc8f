//! The module itself: the browsers that it works in, its size, and how it tells a wait.

use super::*;

/// Safari 14 and Chrome 85: a signal tells nothing but that it is aborted.
#[test]
fn a_browser_with_the_first_signals_is_enough() {
    let Some(browser) = Browser::open() else { return };
    let module = "
        delete AbortSignal.prototype.throwIfAborted;
        delete AbortSignal.prototype.reason;
        delete AbortSignal.timeout;
    ";
    let site = Site::open(Shop { module: Some(module.to_owned()), ..shop_with_work(14) });
    ask(&browser, &site);
    submit(&browser, "#code", &site.code(NUMBER));
    welcome(&browser);

    let site = Site::open(Shop { module: Some(module.to_owned()), ..shop_with_work(23) });
    browser.go(&site.form());
    submit(&browser, "#number", TYPED);
    browser.click("[data-cancel]");
    status(&browser, "Cancelled. Nothing was sent.");
    assert_eq!(site.outbox.handed_off(), 0);
}

/// Waits that a limit names, in a form that people of every language read.
#[test]
fn a_long_wait_is_told_in_hours_and_days() {
    let module = "
        const real = fetch;
        window.fetch = (url, init) => url.endsWith('/send') ? Promise.resolve(new Response(
          JSON.stringify({ type: 'urn:otpgate:problem:try-later', status: 429, retry_after_ms: wait }),
          { status: 429 })) : real(url, init);
    ";
    const MINUTE: u64 = 60_000;
    for (languages, waits) in [
        (
            "en",
            [
                (30_000, "in 0:30."),
                (59 * MINUTE + 59_001, "in 1:00:00."),
                (65 * MINUTE, "in 1:05:00."),
                (1_440 * MINUTE, "in 24:00:00."),
                (68 * 60 * MINUTE, "in 68:00:00."),
                (31 * 1_440 * MINUTE, "in 31 d."),
            ]
            .as_slice(),
        ),
        ("de", &[(65 * MINUTE, "noch 1:05:00."), (5_760 * MINUTE, "noch 4 d.")]),
        ("fr", &[(65 * MINUTE, "dans 1:05:00."), (5_760 * MINUTE, "dans 4 d.")]),
        ("es", &[(65 * MINUTE, "en 1:05:00."), (5_760 * MINUTE, "en 4 d.")]),
    ] {
        let setup = Setup { languages: Some(languages), ..Setup::default() };
        let Some(browser) = Browser::open_with(setup) else { return };
        let site = Site::open(Shop { module: Some(module.to_owned()), ..Shop::default() });
        browser.go(&site.form());
        for (wait, says) in waits {
            browser.script(&format!("window.wait = {wait}"));
            submit(&browser, "#number", TYPED);
            status(&browser, says);
        }
    }
}

/// What the page on the module says of it.
#[test]
fn the_module_is_as_small_as_it_is_said_to_be() {
    let Some(browser) = Browser::open() else { return };
    let site = Site::open(Shop::default());
    browser.go(&site.form());
    let sizes = browser.script(
        "return Promise.all(['otpgate.js', 'otpgate-worker.js'].map(async name => {
          const { body } = await fetch(`/otp/assets/${name}`);
          const packed = body.pipeThrough(new CompressionStream('gzip'));
          return (await new Response(packed).arrayBuffer()).byteLength;
        }))",
    );
    let (module, worker) = (sizes[0].as_u64().unwrap(), sizes[1].as_u64().unwrap());
    assert!(module + worker <= 6_000, "{module} and {worker} bytes");
}

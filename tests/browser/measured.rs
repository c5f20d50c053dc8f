//! What the work of a proof takes in a browser; run by hand.

use super::*;

/// `cargo test --all-features --test browser measure -- --ignored --nocapture`, on a machine that does nothing
/// else. Says tries a second of each 65,536 in a Worker, and what whole proofs of 17 bits take.
#[test]
#[ignore = "a measurement, for docs/token-format.md"]
fn measure() {
    let Some(browser) = Browser::open() else { return };
    // Without Trusted Types, so that the test can start a Worker of its own.
    let csp = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
    let site = Site::open(Shop { csp: Some(csp), ..Shop::default() });
    browser.go(&site.form());
    let figures = browser.script(
        "return (async () => {
          const module = document.querySelector('script[src*=\"otpgate.js\"]').src;
          const { answer } = await import(module);
          const worker = new Worker(module.replace('.js', '-worker.js'), { type: 'module' });
          const rates = await new Promise(done => {
            const rates = [];
            let last;
            worker.onmessage = () => {
              const now = performance.now();
              if (last) rates.push(65.536 / (now - last));
              last = now;
              if (rates.length === 120) done(rates);
            };
            worker.postMessage({ seed: new Uint8Array(32), work: 32 });
          });
          worker.terminate();
          const times = [];
          for (let i = 0; i < 60; i++) {
            const bytes = crypto.getRandomValues(new Uint8Array(99));
            bytes[0] = 1; bytes[6] = 17;
            const ticket = btoa(String.fromCharCode(...bytes)).replace(/\\+/g, '-').replace(/\\//g, '_');
            const from = performance.now();
            await answer(ticket, '+4915112345678');
            times.push(performance.now() - from);
          }
          const at = (list, share) => list.sort((a, b) => a - b)[Math.floor(list.length * share)].toFixed(2);
          return [`M tries/s: p10 ${at(rates, 0.1)}, p50 ${at(rates, 0.5)}, p90 ${at(rates, 0.9)}`,
            `17 bits, ms: p50 ${at(times, 0.5)}, p90 ${at(times, 0.9)}`].join('; ');
        })()",
    );
    println!("{figures}");
}

/// As `measure`: tries a second in slices, and how long the page was not its own meanwhile.
#[test]
#[ignore = "a measurement, for docs/token-format.md"]
fn measure_without_a_worker() {
    let Some(browser) = Browser::open() else { return };
    let csp = "default-src 'none'; script-src 'self'; worker-src 'none'; connect-src 'self'";
    let site = Site::open(Shop { csp: Some(csp), ..Shop::default() });
    browser.go(&site.form());
    let figures = browser.script(
        "return (async () => {
          const { answer } = await import(document.querySelector('script[src*=\"otpgate.js\"]').src);
          const gaps = [];
          let tries = 0, worked = 0, last = performance.now();
          const beat = setInterval(() => {
            const now = performance.now();
            gaps.push(now - last);
            last = now;
          }, 1);
          for (let i = 0; i < 12; i++) {
            const bytes = crypto.getRandomValues(new Uint8Array(99));
            bytes[0] = 1; bytes[6] = 19;
            const ticket = btoa(String.fromCharCode(...bytes)).replace(/\\+/g, '-').replace(/\\//g, '_');
            const from = performance.now();
            const proof = await answer(ticket, '+4915112345678');
            worked += performance.now() - from;
            const counter = atob(proof.replace(/-/g, '+').replace(/_/g, '/')).slice(99, 103);
            tries += Array.from(counter).reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
          }
          clearInterval(beat);
          gaps.sort((a, b) => a - b);
          const at = share => gaps[Math.floor((gaps.length - 1) * share)].toFixed(1);
          return `slices: ${(tries / worked / 1000).toFixed(2)} M tries/s; ` +
            `the page waited, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`;
        })()",
    );
    println!("{figures}");
}

#!/usr/bin/env bash
# A page that once asked WebOTP for a code is barred from the back-forward cache, request ended or not.
#
# What:     Chromium 153.0.8010.0 (npm @sparticuz/chromium 153.0.0), driven by npm puppeteer-core 25.16.0.
# Guess:    `navigator.credentials.get({otp})` keeps a page out of the cache while the request waits. Once
#           it was aborted, and its promise has been rejected with `AbortError`, the page is like any other.
# Seen:     going back, the browser names `WebOTPService` among its reasons, as `PageSupportNeeded`, for a
#           page that aborted before it was left just as for one that aborts in `pagehide`. The same page
#           without the call has only the reasons that this small build gives for each page.
# Matters:  a host that relies on `pageshow` with `persisted` to refresh its sign-up page never sees it
#           there: the page is loaded anew, typed values are gone and a token is asked for again. Whoever
#           wants a page kept must ask WebOTP on another one.
#
# Exits non-zero if any of this changes. Needs Node 20, npm and a free loopback port.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME=$folder TMPDIR=$folder
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent puppeteer-core@25.16.0 @sparticuz/chromium@153.0.0
cat >look.mjs <<'NODE'
import assert from 'node:assert/strict';
import http from 'node:http';
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

const ask = `const stop = new AbortController();
  window.ended = navigator.credentials.get({ otp: { transport: ['sms'] }, signal: stop.signal })
    .then(() => 'a code', (error) => error.name);`;
const pages = {
  '/plain': `window.ended = 'nothing asked';`,
  '/aborted': `${ask} stop.abort();`,
  '/aborts-when-left': `${ask} addEventListener('pagehide', () => stop.abort());`,
};
const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(`<!doctype html><title>page</title><script>${pages[request.url] ?? ''}</script>`);
});
await new Promise((started) => server.listen(0, '127.0.0.1', started));
const origin = `http://localhost:${server.address().port}`;
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  headless: 'shell',
  args: ['--no-sandbox'],
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
});
assert.equal(await browser.version(), 'HeadlessChrome/153.0.8010.0');

async function reasons(path) {
  const tab = await browser.newPage();
  const link = await tab.createCDPSession();
  await link.send('Page.enable');
  const told = new Promise((tell) => link.on('Page.backForwardCacheNotUsed', tell));
  await tab.goto(origin + path);
  if (path === '/aborted') assert.equal(await tab.evaluate(() => window.ended), 'AbortError');
  await tab.goto(`${origin}/next`);
  await tab.goBack();
  const { notRestoredExplanations } = await told;
  await tab.close();
  return notRestoredExplanations.map(({ type, reason }) => `${type} ${reason}`).sort();
}

const plain = await reasons('/plain');
assert.ok(plain.every((reason) => reason.startsWith('Circumstantial ')), plain.join());
for (const path of ['/aborted', '/aborts-when-left']) {
  assert.deepEqual(await reasons(path), [...plain, 'PageSupportNeeded WebOTPService'].sort());
  console.log(`${path}: as described`);
}
await browser.close();
server.close();
NODE
timeout 120 node look.mjs

// otpgate in the page; otpgate.d.ts says more.

import { proof, read, reduce, search, seed } from './otpgate-worker.js';

const now = () => performance.now();

const pause = (ms, signal) => new Promise((done, fail) => {
  setTimeout(done, ms);
  signal?.addEventListener('abort', () => fail(signal.reason));
});

/** The server's problem, or one of the page's own. */
export class OtpProblem extends Error {
  constructor(kind, said = {}) {
    super(said.detail ?? kind);
    Object.assign(this, said, { kind });
  }
}

const script = new URL('./otpgate-worker.js', import.meta.url).href;
let policy;

// Policies refuse a Worker by an exception or by an error event.
function inWorker(task, told, signal) {
  let worker;
  return new Promise((done, fail) => {
    policy ??= globalThis.trustedTypes?.createPolicy('otpgate', { createScriptURL: () => script });
    worker = new Worker(policy?.createScriptURL('') ?? script, { type: 'module' });
    worker.onerror = event => (event.preventDefault(), fail(event));
    worker.onmessage = ({ data }) => data.counter < 0 ? told(data.tries) : done(data.counter);
    signal?.addEventListener('abort', () => fail(signal.reason));
    worker.postMessage(task);
  }).finally(() => worker?.terminate());
}

async function inSlices(task, told, signal, most) {
  for (let tries = 0, since = now(); tries < most; tries += 1024) {
    signal?.throwIfAborted();
    const counter = search(task.seed, task.work, tries, 1024);
    if (counter >= 0) return counter;
    if (now() - since > 12) {
      told(tries);
      await pause(0);
      since = now();
    }
  }
}

/** Makes the proof of a ticket and the number typed. */
export async function answer(ticketText, typed, { signal, progress } = {}) {
  const { ticket, work } = read(ticketText), reduced = reduce(typed);
  if (!/\d/.test(reduced) || reduced.length > 32) throw new OtpProblem('bad-number');
  const task = { seed: seed(ticket, reduced), work };
  const told = tries => progress?.(1 - Math.exp(-tries / 2 ** work));
  const counter = await inSlices(task, told, signal, 8192)
    ?? await inWorker(task, told, signal).catch(() => inSlices(task, told, signal, 2 ** 32));
  return proof(ticket, task.seed, counter);
}

/** A client of the endpoints below `base`. */
export function createOtp(terms = {}) {
  let held, check, asking;

  async function call(path, body) {
    let reply, said;
    try {
      reply = await fetch(`${(terms.base ?? '/otp').replace(/\/+$/, '')}/${path}`, {
        ...body && { method: 'POST', body: JSON.stringify(body) },
        headers: { 'content-type': 'application/json' },
      });
      said = await reply.json();
    } catch {
      throw new OtpProblem(reply ? 'outage' : 'offline');
    }
    if (reply.ok) return said;
    throw new OtpProblem(String(said.type).split('urn:otpgate:problem:')[1] ?? 'outage', said);
  }

  function hold(ticket) {
    const { humanTime, life } = read(ticket);
    return { ticket, ready: now() + humanTime, lapses: now() + life - 5000 };
  }

  async function preflight() {
    if (held?.lapses > now()) return;
    await (asking ??= call('preflight', { purpose: terms.purpose }).then(said => {
      check = said.human;
      held = hold(said.ticket);
    }).finally(() => asking = undefined));
  }

  async function send(number, { signal, progress, ticket } = {}) {
    const { purpose } = terms;
    let stepUp = ticket && hold(ticket), byHuman, renewals = 1, steps = 3;
    for (;;) {
      try {
        if (byHuman && !check) await preflight(held = undefined);
        signal?.throwIfAborted();
        const human = byHuman ? await terms.human({ ...check }, signal) : undefined;
        if (!stepUp) await preflight();
        const { ticket, ready } = stepUp ?? held;
        const work = answer(ticket, number, { signal, progress });
        const [proof] = await Promise.all([work, pause(ready - now(), signal)]);
        const sent = await call('send', { purpose, number, proof, human });
        held = undefined;
        return sent;
      } catch (cause) {
        const problem = cause instanceof OtpProblem
          ? cause : new OtpProblem(signal?.aborted ? 'cancelled' : 'outage', { cause });
        const asked = problem.step_up;
        byHuman = asked?.means === 'human';
        if (asked && steps-- && (terms.human || !byHuman)) {
          stepUp = hold(asked.ticket);
        } else if (problem.kind === 'reload-page' && renewals--) {
          stepUp = held = undefined;
        } else throw problem;
      }
    }
  }

  return {
    preflight,
    send,
    resend: channel => call('resend', { channel }),
    entry: () => call('entry'),
    verify: code => call('verify', { code }),
  };
}

const mark = Symbol.for('otpgate');

/** Attaches a form of the number or of the code. */
export function enhance(form, options) {
  if (form[mark]) return form[mark](options);
  const { otpgate, base, purpose, start, strings } = form.dataset;
  const field = form.elements[otpgate], find = selector => form.querySelector(selector);
  const words = JSON.parse(strings ?? '{}'), status = find('[role=status]');
  const bar = find('progress'), cancel = find('[data-cancel]');
  let busy, message, over;

  const say = (kind, value) => status.textContent =
    (words[`${kind}-${value}`] ?? words[kind] ?? words.outage ?? kind).replace('{}', value);
  const tell = (name, detail) =>
    form.dispatchEvent(new CustomEvent(`otpgate:${name}`, { detail, bubbles: true, cancelable: true }));
  const working = on => {
    form.setAttribute('aria-busy', on);
    [bar, cancel].forEach(part => part?.toggleAttribute('hidden', !on));
  };
  const progress = share => { if (bar) bar.value = share; };
  const human = (asked, signal) => new Promise((resolve, reject) => {
    say('human');
    signal.addEventListener('abort', () => reject(signal.reason));
    if (tell('human', { ...asked, signal, resolve, reject })) reject();
  });
  const terms = { base, purpose, human, ...options }, otp = createOtp(terms);
  form[mark] = more => (Object.assign(terms, more), otp);
  const gone = () => over || !form.isConnected;

  function fail(problem) {
    if (gone()) return;
    const { kind = 'outage', step_up, retry_after_ms, left = clock(retry_after_ms) } = problem;
    if (start && (step_up || /closed|start-over/.test(kind))) return location.assign(start);
    say(retry_after_ms ? 'wait' : kind, left);
    if (/number|empty|rejected/.test(kind)) field.setAttribute('aria-invalid', true);
    field.focus();
    field.select();
  }

  // One thing at a time. Who leaves the page answers true and stays busy: nothing is sent twice.
  async function once(act) {
    if (busy || over) return;
    busy = new AbortController();
    message?.abort(); // a code that arrives by itself must not overtake the one typed
    field.removeAttribute('aria-invalid');
    working(true);
    try {
      if (await act(busy.signal)) return;
    } catch (problem) {
      fail(problem);
    }
    busy = undefined;
    working(false);
    gone() || listen();
  }

  function leave(name, said) {
    if (gone()) return;
    if (tell(name, said)) return !location.assign(said.next);
    over = otpgate === 'code';
  }

  // WebOTP, a bonus: it may exist where no code can come this way, and every error means no code.
  function listen() {
    if (over || otpgate !== 'code' || !globalThis.OTPCredential) return;
    message = new AbortController();
    const { signal } = message;
    navigator.credentials.get({ otp: { transport: ['sms'] }, signal }).then(({ code }) => {
      if (signal.aborted) return;
      field.value = code;
      form.requestSubmit();
    }, () => {});
  }

  form.noValidate = true;
  find('[type=submit]').disabled = false;
  cancel?.addEventListener('click', () => busy?.abort());
  form.addEventListener('submit', event => {
    event.preventDefault();
    once(async signal => {
      if (!field.value.trim()) throw new OtpProblem('empty');
      say('working');
      return otpgate === 'code' ? verify() : send(signal);
    });
  });
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted || gone()) return;
    busy = working(false);
    status.textContent = '';
    refresh();
    listen();
  });
  document.addEventListener('visibilitychange', () => document.hidden || gone() || refresh());

  const send = async signal => leave('sent', await otp.send(field.value, { signal, progress }));

  const buttons = Array.from(form.querySelectorAll('[data-resend]'),
    button => ({ button, label: button.textContent }));
  let expires = Infinity;

  async function verify() {
    try {
      return leave('verified', await otp.verify(field.value));
    } catch (problem) {
      if (problem.kind === 'rejected') problem.left = (await entry().catch(last)).attempts_left;
      throw problem;
    }
  }
  function last(problem) {
    if (problem.kind !== 'closed') throw problem;
    expires = Infinity;
    return { attempts_left: 0 };
  }
  async function entry() {
    const said = await otp.entry();
    expires = now() + said.expires_after_ms;
    for (const each of buttons) {
      const offer = said.channels?.find(({ channel }) => channel === each.button.dataset.resend);
      each.until = now() + Math.max(said.resend_after_ms, offer?.after_ms ?? 0);
    }
    return said;
  }
  function tick() {
    if (gone()) return;
    for (const { button, label, until } of buttons) {
      const left = until - now();
      button.setAttribute('aria-disabled', !(left <= 0));
      button.textContent = left > 0 ? `${label} (${clock(left)})` : label;
    }
    if (now() > expires) expires = Infinity, say('expired');
  }
  for (const each of buttons) {
    each.button.addEventListener('click', () => each.until <= now() && once(async () => {
      const { resend } = each.button.dataset, { number_hint } = await otp.resend(resend || undefined);
      say(words[`sent-${resend}`] ? `sent-${resend}` : 'sent', number_hint);
      await entry();
      field.value = '';
      field.focus();
    }));
  }

  const refresh = () => otpgate === 'code'
    ? entry().catch(problem => {
      if (problem.kind !== 'closed') {
        for (const each of buttons) each.until ??= 0;
      }
      busy || fail(problem);
    })
    : otp.preflight().catch(() => {});
  if (otpgate === 'code') setInterval(tick, 250);
  refresh();
  listen();
  return otp;
}

function clock(ms) {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

globalThis.document?.querySelectorAll('form[data-otpgate]').forEach(form => enhance(form));

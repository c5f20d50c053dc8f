// Notes: assets.rs

import { proof, read, reduce, search, seed } from './otpgate-worker.js';

const now = () => performance.now();

const heed = signal => { if (signal?.aborted) throw signal.reason; };

const pause = (ms, signal) => new Promise((done, fail) => {
  setTimeout(done, ms);
  signal?.addEventListener('abort', () => fail(signal.reason));
});

export class OtpProblem extends Error {
  constructor(kind, said = {}) {
    super(said.detail ?? kind);
    Object.assign(this, said, { kind });
  }
}

const script = new URL('./otpgate-worker.js', import.meta.url).href;
let policy;

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
    heed(signal);
    const counter = search(task.seed, task.work, tries, 1024);
    if (counter >= 0) return counter;
    if (now() - since > 12) {
      told(tries);
      await pause(0);
      since = now();
    }
  }
}

export async function answer(ticketText, typed, { signal, progress } = {}) {
  const { ticket, work } = read(ticketText), reduced = reduce(typed);
  if (!/\d/.test(reduced) || reduced.length > 32) throw new OtpProblem('bad-number');
  const task = { seed: seed(ticket, reduced), work };
  const told = tries => progress?.(1 - Math.exp(-tries / 2 ** work));
  const counter = await inSlices(task, told, signal, 8192)
    ?? await inWorker(task, told, signal).catch(() => inSlices(task, told, signal, 2 ** 32));
  return proof(ticket, task.seed, counter);
}

export function createOtp(terms = {}) {
  let held, check, asking;

  async function call(path, body) {
    let reply, said;
    try {
      reply = await fetch(`${(terms.base ?? '/otp').replace(/\/+$/, '')}/${path}`, {
        ...body && { method: 'POST', body: JSON.stringify(body) },
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout?.(6e4),
      });
      said = await reply.json();
    } catch {
      throw new OtpProblem(reply ? 'outage' : 'offline');
    }
    if (reply.ok) return said;
    throw new OtpProblem(said.type?.split('problem:')[1] ?? 'outage', said);
  }

  function hold(ticket) {
    const { humanTime, life } = read(ticket);
    return { ticket, ready: now() + humanTime, lapses: now() + life - 5000 };
  }

  async function preflight() {
    if (held?.lapses > now()) return;
    await (asking ??= call('preflight', { purpose: terms.purpose }).then(({ human, ticket }) => {
      check = human;
      held = hold(ticket);
    }).finally(() => asking = undefined));
  }

  async function send(number, { signal, progress, ticket } = {}) {
    const { purpose } = terms;
    let stepUp = ticket && hold(ticket), byHuman, reloads = 1, steps = 3;
    for (;;) {
      try {
        if (byHuman && !check) await preflight(held = undefined);
        heed(signal);
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
        } else if (problem.kind === 'reload-page' && reloads--) {
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

export function enhance(form, options) {
  if (form[mark]) return form[mark](options);
  const { otpgate, base, purpose, start, strings } = form.dataset;
  const field = form.elements[otpgate], find = selector => form.querySelector(selector);
  const words = JSON.parse(strings ?? '{}'), status = find('[role=status]');
  const bar = find('progress'), cancel = find('[data-cancel]');
  let busy, queued, message, over, left, unheard, complaint;

  const instead = { again: 'wait', unheard: 'closed' };
  const say = (kind, value) => status.textContent = (words[`${kind}-${value}`] ?? words[kind]
    ?? words[instead[kind] ?? kind.split('-')[0]] ?? words.outage ?? kind).replace('{}', value);
  const show = (part, on = true) => part?.toggleAttribute('hidden', !on);
  const tell = (name, detail) =>
    form.dispatchEvent(new CustomEvent(`otpgate:${name}`, { detail, bubbles: true, cancelable: true }));
  const working = on => {
    form.toggleAttribute('data-busy', on);
    [bar, cancel].forEach(part => show(part, on));
  };
  const progress = share => { if (bar) bar.value = share; };
  const human = (asked, signal) => new Promise((done, fail) => {
    say('human');
    signal.addEventListener('abort', () => fail(signal.reason));
    if (tell('human', { ...asked, signal, resolve: done, reject: fail })) fail();
  });
  const terms = { base, purpose, human, ...options }, otp = createOtp(terms);
  form[mark] = more => (Object.assign(terms, more), otp);
  const gone = () => over || !form.isConnected;

  function fail(problem, typed) {
    if (gone()) return;
    const { step_up, retry_after_ms, stays, left = clock(retry_after_ms) } = problem;
    let { kind = 'outage' } = problem;
    if (kind === 'closed' && unheard) kind = 'unheard';
    if (start && !stays && (step_up || /closed|start-over/.test(kind))) return !location.assign(start);
    if (left === 0 || /closed|unheard|again/.test(kind)) show(find('[data-again]'));
    say(retry_after_ms && kind !== 'again' ? 'wait' : kind, left);
    if (typed === undefined) return;
    if (/number|empty|rejected/.test(kind)) field.setAttribute('aria-invalid', true);
    field.focus();
    if (field.value === typed) field.select();
  }

  async function once(act, resends) {
    if (over) return;
    if (busy) {
      if (busy.resends && !resends) queued = act;
      return;
    }
    busy = Object.assign(new AbortController(), { resends });
    if (!resends) message = message?.abort();
    const typed = field.value;
    field.removeAttribute('aria-invalid');
    working(true);
    try {
      if (await act(busy.signal)) return;
    } catch (problem) {
      if (fail(problem, typed)) queued = undefined;
    }
    const next = queued;
    busy = queued = working(false);
    if (gone()) return;
    if (next) return once(next);
    listen();
  }

  function leave(name, said) {
    if (gone()) return;
    if (tell(name, said)) return !location.assign(said.next);
    over = otpgate === 'code';
  }

  function heard(sent) {
    let may = sent?.may_be_withheld;
    const key = `otpgate ${base}`;
    try {
      if (sent) sessionStorage[key] = may;
      may = sessionStorage[key] === 'true';
    } catch {}
    show(find('[data-withheld]'), may);
    return sent;
  }

  function listen() {
    if (message || over || otpgate !== 'code' || !globalThis.OTPCredential) return;
    const own = message = new AbortController(), { signal } = own;
    navigator.credentials.get({ otp: { transport: ['sms'] }, signal }).then(({ code }) => {
      if (signal.aborted) return;
      message = undefined;
      field.value = code;
      form.requestSubmit();
    }, () => { if (message === own) message = undefined; });
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
    busy = queued = working(false);
    message = message?.abort();
    status.textContent = '';
    refresh();
    listen();
  });
  document.addEventListener('visibilitychange', () => document.hidden || gone() || refresh());

  const send = async signal => leave('sent', heard(await otp.send(field.value, { signal, progress })));

  const buttons = Array.from(form.querySelectorAll('[data-resend]'),
    button => ({ button, label: button.textContent }));
  let expires = Infinity;

  async function verify() {
    try {
      return leave('verified', await otp.verify(field.value));
    } catch (problem) {
      if (problem.kind === 'rejected') await judge(problem);
      else unheard ||= !problem.status || problem.kind === 'outage';
      throw problem;
    }
  }
  async function judge(rejected) {
    try {
      rejected.left = (await entry()).attempts_left;
    } catch (problem) {
      if (problem.kind !== 'closed') throw problem;
      expires = Infinity;
      if (left <= 1 && !unheard) rejected.left = left = 0;
      else Object.assign(rejected, { kind: 'closed', stays: true });
    }
  }
  async function entry() {
    const said = await otp.entry();
    left = said.attempts_left;
    unheard = false;
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
    const { button } = each, { resend } = button.dataset;
    const ask = async () => {
      const typed = field.value;
      try {
        const { number_hint } = heard(await otp.resend(resend || undefined));
        say(`sent-${resend}`, number_hint);
      } catch (problem) {
        if (problem.kind === 'try-later') await entry().then(() => {
          if (each.until <= now() && problem.retry_after_ms > 5000) problem.kind = 'again';
        }, () => {});
        throw problem;
      }
      await entry().catch(() => {});
      if (!queued && field.value === typed) field.value = '';
      field.focus();
    };
    button.addEventListener('click', () => each.until <= now() && once(ask, true));
  }

  const refresh = () => otpgate === 'code'
    ? entry().then(() => {
      if (status.textContent === complaint) status.textContent = complaint = '';
    }, problem => {
      const closed = problem.kind === 'closed';
      if (!closed) for (const each of buttons) each.until ??= 0;
      if (busy || gone()) return;
      if (closed) fail(problem);
      else if (left === undefined) complaint = say(problem.kind);
    })
    : otp.preflight().catch(() => {});
  if (otpgate === 'code') setInterval(tick, 250);
  heard();
  refresh();
  listen();
  return otp;
}

function clock(ms) {
  const seconds = Math.ceil(ms / 1000), hours = Math.floor(seconds / 3600);
  if (hours > 72) return `${Math.ceil(hours / 24)} d`;
  const two = part => String(part).padStart(2, '0');
  const minutes = Math.floor(seconds / 60) % 60, tail = two(seconds % 60);
  return hours ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

globalThis.document?.querySelectorAll('form[data-otpgate]').forEach(form => enhance(form));

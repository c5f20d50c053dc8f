let last = 0;
const zeros = (
  '30 630 90 d0 1a6 80 80 80 80 80 80 80 80 80 6a 80 50 120 50 750 30 136 8a b0 10 c0 60 90 10 ' +
  '89d0 2b0 30 d0 20 60 1a0 5320 590 890 10 326 8a 46 9a 120 160 80 180 70 10 a 56 1b0 70 2a0 ' +
  '60 100 50 40 170 41e0 930 60 90 220 5f80 ade a a a a 94a 1b0 200 101 35f 12a0'
).split(' ').map(gap => last += parseInt(gap, 16));

export const reduce = typed => Array.from(typed, character => {
  const point = character.codePointAt(0);
  const zero = zeros.find(zero => zero <= point && point < zero + 10);
  return zero ? point - zero : /[+\uff0b]/.test(character) ? '+' : '';
}).join('');

const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every(prime => n % prime)) primes.push(n);
const fraction = x => x % 1 * 2 ** 32;
const rounds = Int32Array.from(primes, prime => fraction(Math.cbrt(prime)));
const start = Int32Array.from(primes.slice(0, 8), prime => fraction(Math.sqrt(prime)));
const words = new Int32Array(64), state = new Int32Array(8);

function compress() {
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15], y = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3)
      + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const t = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7))
      + (g ^ e & (f ^ g)) + rounds[i] + words[i] | 0;
    const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10))
      + (a & b | c & (a | b)) | 0;
    h = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

function sha256(data) {
  const padded = new DataView(new ArrayBuffer(data.length + 72 & -64));
  [...data, 0x80].forEach((byte, at) => padded.setUint8(at, byte));
  padded.setUint32(padded.byteLength - 4, data.length * 8);
  state.set(start);
  for (let at = 0; at < padded.byteLength; at += 4) {
    words[at / 4 % 16] = padded.getInt32(at);
    if (at / 4 % 16 === 15) compress();
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setInt32(i * 4, word));
  return new Uint8Array(digest.buffer);
}

export function read(text) {
  const ticket = Uint8Array.from(
    atob(text.replace(/-/g, '+').replace(/_/g, '/')), character => character.charCodeAt(0));
  const view = new DataView(ticket.buffer), work = ticket[6];
  if (ticket.length !== 99 || ticket[0] !== 1 || work > 24) throw new Error('unknown ticket');
  return { ticket, work, humanTime: view.getUint16(7), life: view.getUint16(9) * 1000 };
}

export function seed(ticket, typed) {
  const label = new TextEncoder().encode('otpgate/proof/v1');
  const number = new TextEncoder().encode(reduce(typed));
  return sha256(new Uint8Array([...label, ...ticket, number.length, ...number]));
}

export function search(seed, work, from, count) {
  const view = new DataView(seed.buffer), mask = work ? -1 << 32 - work : 0;
  for (let i = 0; i < 8; i++) words[i] = view.getInt32(i * 4);
  words.fill(0, 8, 16);
  words[9] = 0x80000000;
  words[15] = 288;
  for (let counter = from; counter < from + count; counter++) {
    words[8] = counter;
    state.set(start);
    compress();
    if ((state[0] & mask) === 0) return counter;
  }
  return -1;
}

export function proof(ticket, seed, counter) {
  const tried = new Uint8Array([...seed, counter >>> 24, counter >>> 16, counter >>> 8, counter]);
  const bytes = [...ticket, ...tried.subarray(32), ...sha256(tried)];
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_');
}

if (globalThis.WorkerGlobalScope) {
  onmessage = ({ data: { seed, work } }) => {
    for (let tries = 0, counter = -1; counter < 0; tries += 0x10000) {
      counter = search(seed, work, tries, 0x10000);
      postMessage({ counter, tries });
    }
  };
}

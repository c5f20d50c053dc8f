// Types of otpgate.js. Times are in milliseconds from the arrival of an answer.

/** What a code looks like; `alphabet` is `"digits"` or `"letters"`. */
export interface CodeShape { length: number; alphabet: string }

export interface Sent {
  status: 'sent';
  /** The number with all but its ends hidden. */
  number_hint: string;
  resend_after_ms: number;
  expires_after_ms: number;
  /** Whether texts may be withheld here now: show another way in. It says nothing about the number. */
  may_be_withheld: boolean;
  code: CodeShape;
  /** The address of the code page. */
  next: string;
}

export interface Entry {
  number_hint: string;
  attempts_left: number;
  resend_after_ms: number;
  expires_after_ms: number;
  code: CodeShape;
  /** The other channels that may be asked for, and when. */
  channels?: { channel: string; after_ms: number }[];
}

export interface Verified { status: 'verified'; next: string }

/** What the server says of its human check; `{}` if it says nothing. */
export interface HumanCheck {
  provider?: string;
  site_key?: string;
  action?: string;
  /** The form field that the service's script fills in. */
  field?: string;
  /** The service's script; `null` if the host serves the widget. */
  script?: string | null;
  /** Where the widget gets its challenge; `null` if the service makes its own. */
  challenge?: string | null;
}

/** Shows the widget of the human check and answers with its response; closes it when `signal` aborts. */
export type Human = (check: HumanCheck, signal?: AbortSignal) => Promise<string>;

export interface WorkOptions {
  /**
   * Ends the work and the wait, and the human check if your function heeds the `signal` that it is given; what has
   * been posted is not called back.
   */
  signal?: AbortSignal;
  /** Told now and then how likely it was to be done by now, from 0 to 1. Short work tells nothing. */
  progress?: (share: number) => void;
}

/**
 * Why it goes no further. `kind` is the last word of the problem's type (`try-later`, `reload-page`,
 * `other-number`, `other-method`, `start-over`, `closed`, `rejected`, `bad-number`, `outage` …), or one of the
 * page's own: `bad-number`, `empty`, `offline` (no answer, or none within 60 seconds), `outage` (no readable one,
 * or a human check that rejected: `cause` has its reason), `cancelled` (by `signal`).
 */
export class OtpProblem extends Error {
  constructor(kind: string, said?: object);
  kind: string;
  status?: number;
  title?: string;
  detail?: string;
  retry_after_ms?: number;
  step_up?: { means: 'work' | 'human'; ticket: string };
}

/**
 * Makes the proof of a ticket and the number as it was typed: for pages with endpoints of their own. Throws the
 * reason of a `signal` that aborts.
 */
export function answer(ticket: string, typed: string, options?: WorkOptions): Promise<string>;

export interface OtpOptions {
  /** The address that the router is mounted at. Default: `/otp`. */
  base?: string;
  /** What the codes are for, such as `sign-up`. */
  purpose?: string;
  /** The human check. Without it, or when it rejects, a step-up by human check ends `send`. */
  human?: Human;
}

export interface Otp {
  /** Takes a ticket unless the one at hand is good. Call it when the form is shown: a ticket must wait. */
  preflight(): Promise<void>;
  /**
   * Sends a code to the number as typed: takes a ticket if need be, waits until a person could have typed,
   * works, and does what a step-up asks for. `ticket` is that of a step-up which an endpoint of your own answered.
   */
  send(number: string, options?: WorkOptions & { ticket?: string }): Promise<Sent>;
  /**
   * Another code. What a step-up would cure is refused here (`try-later`, while `entry` says that another may be
   * asked for): show the first form again, with the number filled in, and `send` does what is asked.
   */
  resend(channel?: string): Promise<Sent>;
  /** What the code page may show; the problem `closed` if there is none to show. */
  entry(): Promise<Entry>;
  verify(code: string): Promise<Verified>;
}

/** All calls throw `OtpProblem`. */
export function createOtp(options?: OtpOptions): Otp;

/**
 * Attaches a form; those in the document with `data-otpgate` are attached when the module is loaded.
 * A form is attached once: a second call gives its client back, which takes over the options. Its
 * parts, its words (`data-strings`) and its events (`otpgate:sent`, `otpgate:verified`,
 * `otpgate:human`) are in docs/web-browser.md.
 */
export function enhance(form: HTMLFormElement, options?: OtpOptions): Otp;

declare global {
  interface GlobalEventHandlersEventMap {
    'otpgate:sent': CustomEvent<Sent>;
    'otpgate:verified': CustomEvent<Verified>;
    /**
     * Prevent its default, show the widget, and resolve with the response. Take the widget away then, and when
     * `signal` aborts.
     */
    'otpgate:human': CustomEvent<
      HumanCheck & {
        signal: AbortSignal;
        resolve(response: string): void;
        reject(reason?: unknown): void;
      }
    >;
  }
}

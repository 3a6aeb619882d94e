/**
 * What happened in a run, as a hash that grows with every event and, when wanted, as lines for people.
 *
 * Invariant: two runs with equal hashes had the same events at the same times in the same order, as good as surely;
 * the hash is made of 32-bit integer arithmetic and is the same on every runtime.
 *
 * @module
 */

/** A part of a line. Numbers are whole. */
export type TracePart = string | number;

/** A line of the trace, for people. */
export interface TraceLine {
  /** Virtual time in microseconds. */
  readonly at_us: number;
  /** What happened. */
  readonly kind: string;
  /** To whom, and how. */
  readonly parts: readonly TracePart[];
  /** All of it, as one text. */
  readonly text: string;
}

/** An append-only record of events. */
export class Trace {
  #now: () => number;
  #low = 0x811c_9dc5 | 0;
  #high = 0x9e37_79b9 | 0;
  #length = 0;
  #lines: TraceLine[] | null;

  /** A trace that stamps lines with `now_us`; keeps their text only when `keepText`. */
  constructor(now_us: () => number, keepText = false) {
    this.#now = now_us;
    this.#lines = keepText ? [] : null;
  }

  /** Adds an event: what kind, and up to five particulars. */
  append(kind: string, a?: TracePart, b?: TracePart, c?: TracePart, d?: TracePart, e?: TracePart): void {
    const now = this.#now();
    this.#length++;
    this.#mixNumber(now);
    this.#mixText(kind);
    if (a !== undefined) this.#mix(a);
    if (b !== undefined) this.#mix(b);
    if (c !== undefined) this.#mix(c);
    if (d !== undefined) this.#mix(d);
    if (e !== undefined) this.#mix(e);
    if (this.#lines !== null) {
      const parts = [a, b, c, d, e].filter((part) => part !== undefined);
      this.#lines.push({ at_us: now, kind, parts, text: [kind, ...parts].join(" ") });
    }
  }

  /** Says for people what travelled in the latest event, in other words than those that were hashed. */
  reword(words: string): void {
    const lines = this.#lines;
    const line = lines?.at(-1);
    if (lines === null || line === undefined || line.parts[2] === words) return;
    const parts = [...line.parts];
    parts[2] = words;
    lines[lines.length - 1] = { ...line, parts, text: [line.kind, ...parts].join(" ") };
  }

  /** Whether lines are kept for people. */
  get isKept(): boolean {
    return this.#lines !== null;
  }

  #mix(part: TracePart): void {
    if (typeof part === "number") this.#mixNumber(part);
    else this.#mixText(part);
  }

  #mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mixBits(text.charCodeAt(i));
    this.#mixBits(0x1_0000 + text.length);
  }

  #mixNumber(value: number): void {
    this.#mixBits(value | 0);
    this.#mixBits(Math.floor(value / 4_294_967_296));
  }

  #mixBits(bits: number): void {
    const low = Math.imul(this.#low ^ bits, 0x0100_0193);
    this.#low = low ^ (low >>> 15);
    const high = Math.imul(this.#high + bits, 0x85eb_ca6b) | 0;
    this.#high = (high ^ (high >>> 13)) + low | 0;
  }

  /** How many events were added. */
  get length(): number {
    return this.#length;
  }

  /** The hash of everything so far: 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  /** The lines kept; empty unless text was asked for. */
  get lines(): readonly TraceLine[] {
    return this.#lines ?? [];
  }
}

function hex(bits: number): string {
  return (bits >>> 0).toString(16).padStart(8, "0");
}

/**
 * Ranges over keys that come and go. A page is the state at one revision: exactly that of the log, and no older than
 * what was acknowledged before the read began.
 *
 * @module
 */
import { bytesToText, type Key, keyFromText, keyToText, prefixEnd } from "../../../codec/bytes.ts";
import type { Result } from "../../../core/kv/result.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, between, type Workload } from "../workload.ts";

const PREFIX = "range/";

interface Page {
  readonly start: Key;
  readonly end: Key | null;
  readonly limit: number;
  readonly reverse: boolean;
  readonly revision: number;
  readonly items: readonly string[];
}

/** Checked against the events of the log. */
export class RangeWorkload implements Workload {
  readonly name = "range";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #keys: number;
  readonly #pages: Page[] = [];
  readonly #puts: { readonly key: string; readonly value: string; readonly revision: number }[] = [];
  #acknowledged = 0;
  #written = 0;

  constructor(arena: Arena, keys: number) {
    this.#arena = arena;
    this.#keys = keys;
    this.recorder = new Recorder(arena);
  }

  async step(actor: Actor): Promise<void> {
    const { dice } = actor;
    const kind = dice.next();
    if (kind < 0.4) return await this.#read(actor);
    const key = `${PREFIX}${between(dice, 0, this.#keys - 1)}`;
    const value = `w${++this.#written}`;
    const isPut = kind < 0.8;
    const what = { f: isPut ? "put" : "delete", key, value: isPut ? value : null, isWrite: true };
    const done = await this.recorder.perform(
      actor.id,
      what,
      async () => (isPut ? await actor.client.put(key, value) : await actor.client.delete(key)).revision,
      () => ({ value: what.value }),
    );
    if (done.type !== "ok") return;
    this.#acknowledged = Math.max(this.#acknowledged, done.value);
    if (isPut) this.#puts.push({ key, value, revision: done.value });
  }

  async finish(actor: Actor): Promise<void> {
    await this.#read(actor);
  }

  check(): void {
    const { truth, violations } = this.#arena;
    const revisions = new Map(
      truth.events.filter(({ type, key }) => type === "put" && key.startsWith(PREFIX))
        .map(({ revision, entry }) => [bytesToText(entry.value), revision]),
    );
    for (const { key, value, revision } of this.#puts) {
      const inLog = revisions.get(value);
      if (inLog !== revision) {
        violations.report(this.name, `${key}=${value} was acknowledged at ${revision}; in the log it is at ${inLog}`);
      }
    }
    const state = new Map<string, string>();
    const pages = this.#pages.toSorted((a, b) => a.revision - b.revision);
    let next = 0;
    for (const page of pages) {
      for (; next < truth.events.length && truth.events[next]!.revision <= page.revision; next++) {
        const { type, key, entry } = truth.events[next]!;
        if (!key.startsWith(PREFIX)) continue;
        if (type === "put") state.set(key, bytesToText(entry.value));
        else state.delete(key);
      }
      const expected = expectedOf(state, page);
      if (expected.join(" ") !== page.items.join(" ")) {
        violations.report(
          this.name,
          `at revision ${page.revision} a range gave ${page.items.join(" ")}; the log has ${expected.join(" ")}`,
        );
      }
    }
  }

  async #read(actor: Actor): Promise<void> {
    const { dice } = actor;
    const whole = dice.next() < 0.5;
    const start = keyFromText(whole ? PREFIX : `${PREFIX}${between(dice, 0, this.#keys - 1)}`);
    const end = prefixEnd(keyFromText(PREFIX));
    const limit = whole ? 0 : between(dice, 1, 5);
    const reverse = dice.next() < 0.5;
    const acknowledged = this.#acknowledged;
    const operation = { type: "range", start, end, limit, reverse, projection: "entries" } as const;
    const what = { f: "range", key: PREFIX, value: null, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.execute(operation),
      (result) => ({ value: itemsOf(result).join(" ") }),
    );
    if (read.type !== "ok") return;
    const { revision } = read.value;
    if (revision < acknowledged) {
      this.#arena.violations.report(
        this.name,
        `a range saw revision ${revision}; ${acknowledged} was acknowledged before`,
      );
    }
    this.#acknowledged = Math.max(this.#acknowledged, revision);
    this.#pages.push({ start, end, limit, reverse, revision, items: itemsOf(read.value) });
  }
}

function itemsOf(result: Result): string[] {
  if (result.type !== "range") throw new TypeError(`a result of type ${result.type} for a range`);
  return result.entries.map(({ key, entry }) => `${keyToText(key)}=${bytesToText(entry.value)}`);
}

function expectedOf(state: ReadonlyMap<string, string>, { start, end, limit, reverse }: Page): string[] {
  const keys = [...state.keys()].filter((key) => key >= start && (end === null || key < end)).toSorted();
  if (reverse) keys.reverse();
  const taken = limit === 0 ? keys : keys.slice(0, limit);
  return taken.map((key) => `${key}=${state.get(key)!}`);
}

/**
 * A stretch of writes to a few keys of their own, and what watchers were shown of them.
 *
 * What must hold of it: all watchers see the same events in the order of their revisions; every acknowledged write is
 * among them once, at the revision that its client was told; nothing else is but writes of unknown outcome; and a
 * write that was acknowledged before another one began has the lower revision.
 *
 * @module
 */
import { bytesToText, keyToText } from "../../codec/bytes.ts";
import type { WatchEvent } from "../../core/kv/result.ts";
import type { HistoryEvent } from "../checker/history.ts";

/** A write of the round. */
export interface RoundWrite {
  readonly key: string;
  /** Null for a delete. */
  readonly value: string | null;
  /** The number of the event that began it, and of the one that ended it, among those of the whole check. */
  began: number;
  ended: number;
  outcome: "open" | "ok" | "fail" | "unknown";
  /** What it was told: the revision, and whether there is an event of it (a delete of an absent key has none). */
  revision: number;
  changed: boolean;
}

interface Seen {
  readonly revision: number;
  readonly text: string;
}

/** Writes, and what was seen of them. */
export class WatchRound {
  /** What its keys begin with. */
  readonly prefix: string;
  readonly writes: RoundWrite[] = [];
  open = 0;
  isRetired = false;
  /** The watchers that missed some of it without a fault of the server's: they were away for too long. */
  readonly excused: Set<number> = new Set();
  readonly #seen: Seen[][];

  constructor(prefix: string, watchers: number) {
    this.prefix = prefix;
    this.#seen = Array.from({ length: watchers }, () => []);
  }

  /** The highest revision of an acknowledged write. */
  get target(): number {
    return this.writes.reduce(
      (highest, { outcome, revision }) => outcome === "ok" && revision > highest ? revision : highest,
      0,
    );
  }

  /** Takes an event of the history that begins or ends a write. */
  note(write: RoundWrite, { type }: HistoryEvent, number: number): void {
    if (type === "invoke") {
      write.began = number;
      this.writes.push(write);
      this.open++;
      return;
    }
    write.ended = number;
    write.outcome = type === "info" ? "unknown" : type;
    this.open--;
  }

  /** Takes what a watcher was shown. */
  see(watcher: number, { type, revision, key, entry }: WatchEvent): void {
    this.#seen[watcher]!.push({
      revision,
      text: textOf(keyToText(key), type === "put" ? bytesToText(entry.value) : null),
    });
  }

  /** What is wrong, for people; null when nothing is. All watchers but the excused have seen what they ever will. */
  judge(): string | null {
    const { target } = this;
    const views = this.#seen.flatMap((seen, watcher) =>
      this.excused.has(watcher) ? [] : [{ watcher, events: seen.filter(({ revision }) => revision <= target) }]
    );
    const [first, ...others] = views;
    if (first === undefined) return this.#judgeOrder();
    for (const { watcher, events } of others) {
      const at = differenceOf(first.events, events);
      if (at === null) continue;
      return `watchers ${first.watcher} and ${watcher} were shown different things: ` +
        `${nameOf(first.events[at])} and ${nameOf(events[at])}, as event ${at + 1} of these keys`;
    }
    return this.#judgeEvents(first.events) ?? this.#judgeOrder();
  }

  #judgeEvents(events: readonly Seen[]): string | null {
    const at = events.findIndex(({ revision }, index) => index > 0 && revision <= events[index - 1]!.revision);
    if (at >= 0) return `watchers were shown ${nameOf(events[at])} after ${nameOf(events[at - 1])}`;
    const shown = new Map(events.map((event) => [event.revision, event.text]));
    for (const { key, value, outcome, revision, changed } of this.writes) {
      if (outcome !== "ok") continue;
      const expected = textOf(key, value);
      const text = shown.get(revision);
      if (changed && text !== expected) {
        const instead = text === undefined ? "nothing at that revision" : text;
        return `${expected} was acknowledged at revision ${revision}; watchers were shown ${instead}`;
      }
      if (changed) shown.delete(revision);
    }
    // What is left was acknowledged to nobody.
    const doubtful = this.writes.filter(({ outcome }) => outcome === "unknown").map(({ key, value }) =>
      textOf(key, value)
    );
    for (const [revision, text] of shown) {
      const known = doubtful.indexOf(text);
      if (known < 0) return `watchers were shown ${text} at revision ${revision}, which no client did, or was refused`;
      doubtful.splice(known, 1);
    }
    return null;
  }

  /** Revisions must keep the order in which writes were seen to happen. */
  #judgeOrder(): string | null {
    const acknowledged = this.writes.filter(({ outcome, changed }) => outcome === "ok" && changed);
    const byEnd = acknowledged.toSorted((a, b) => a.ended - b.ended);
    let highest: RoundWrite | null = null;
    let passed = 0;
    for (const write of acknowledged.toSorted((a, b) => a.began - b.began)) {
      for (; passed < byEnd.length && byEnd[passed]!.ended < write.began; passed++) {
        if (highest === null || byEnd[passed]!.revision > highest.revision) highest = byEnd[passed]!;
      }
      if (highest !== null && highest.revision >= write.revision) {
        return `${textOf(write.key, write.value)} was acknowledged at revision ${write.revision}; ` +
          `${textOf(highest.key, highest.value)}, which was acknowledged before it began, has ${highest.revision}`;
      }
    }
    return null;
  }
}

function textOf(key: string, value: string | null): string {
  return value === null ? `delete ${key}` : `put ${key} = ${value}`;
}

function nameOf(event: Seen | undefined): string {
  return event === undefined ? "nothing" : `${event.text} at revision ${event.revision}`;
}

/** Where two lists first differ; null where they do not. */
function differenceOf(a: readonly Seen[], b: readonly Seen[]): number | null {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    if (a[at]?.revision !== b[at]?.revision || a[at]?.text !== b[at]?.text) return at;
  }
  return null;
}

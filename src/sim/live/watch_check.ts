/**
 * A check of watches: clients write, watchers through several servers follow, break off and take up again, and each
 * must be shown every write once and in order.
 *
 * Invariant: as in a check of histories, what is kept in memory is bounded: writes go to keys of a round, a round ends
 * after some hundred writes, and it is judged and forgotten once the watchers are past it.
 *
 * @module
 */
import { keyFromText, keyToText, prefixEnd } from "../../codec/bytes.ts";
import type { WatchRequest } from "../../client/connection.ts";
import { Compacted, KvError } from "../../core/errors.ts";
import type { Operation } from "../../core/kv/command.ts";
import type { WatchEvent } from "../../core/kv/result.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { type Attempt, Attempts } from "../run/attempts.ts";
import { between, type Dice, pick } from "../run/workload.ts";
import type { Checking, Ended, Finding } from "./checking.ts";
import { drawFrom, type Mix } from "./kind.ts";
import { put } from "./kinds/register.ts";
import { classifyLive, type LiveActor, resultAs } from "./live_client.ts";
import { type RoundWrite, WatchRound } from "./watch_round.ts";

/** What a check of watches is made of. */
export interface WatchCheckOptions {
  readonly mix: Mix;
  /** What every key begins with. */
  readonly prefix: string;
  /** How many keys are written to at a time. */
  readonly keys: number;
  /** How many writes are begun in a round. @default 500 */
  readonly lifetime?: number;
  /** In milliseconds, 0 at the start. */
  readonly clock: { monotonic(): number };
  /** Decides when watchers break off. */
  readonly dice: Dice;
  /** What each watcher watches with, until the signal aborts. */
  readonly watchers: readonly ((request: WatchRequest, signal: AbortSignal) => AsyncIterable<WatchEvent>)[];
  readonly sleep: (duration_ms: number) => Promise<void>;
  /** Takes every event of the history, in order. */
  readonly onEvent?: (event: HistoryEvent) => void;
}

/** The operations and how often each is done unless told otherwise. */
export const WATCH_MIX: Mix = { put: 4, delete: 1 };
/** More watchers than this show nothing more. */
export const MOST_WATCHERS = 5;
const LIFETIME = 500;
/** How many rounds may wait for watchers that are behind. */
const MOST_WAITING = 50;
/** How long watchers may take to be shown everything when it is over. */
const CATCH_UP_MS = 30_000;
const POLL_MS = 20;

/** Writes of live clients, and what is wrong with what watchers were shown of them. */
export class WatchCheck implements Checking {
  readonly #options: WatchCheckOptions;
  readonly #attempts: Attempts;
  /** Everything under this is watched. */
  readonly #prefix: string;
  /** Up to which revision each watcher has seen everything; whether it has lost its place. */
  readonly #reached: number[];
  readonly #isLost: boolean[];
  readonly #stopping = new AbortController();
  #following: Promise<unknown> | null = null;
  #round: WatchRound;
  #waiting: WatchRound[] = [];
  #rounds = 0;
  #written = 0;
  #events = 0;
  /** The revision of the last write of all. */
  #goal = 0;
  #found: Finding | null = null;
  judged = 0;
  undecided = 0;

  constructor(options: WatchCheckOptions) {
    this.#options = options;
    this.#attempts = new Attempts(options.clock, classifyLive);
    this.#prefix = `${options.prefix}watch-`;
    this.#reached = options.watchers.map(() => 0);
    this.#isLost = options.watchers.map(() => false);
    this.#round = this.#newRound();
  }

  /** What was found first. */
  get found(): Finding | null {
    return this.#found;
  }

  async step(actor: LiveActor): Promise<Ended> {
    // Watchers begin after a revision that is known, so that it is known what they must be shown.
    if (this.#following === null) return { attempt: await this.#begin(actor), isWrite: true };
    const round = this.#round;
    const { mix, keys, lifetime = LIFETIME } = this.#options;
    const { dice } = actor;
    const key = `${round.prefix}${between(dice, 0, keys - 1)}`;
    const attempt = this.#write(actor, round, key, drawFrom(mix, dice) === "put" ? `x${++this.#written}` : null);
    if (round.writes.length >= lifetime && round === this.#round) this.#endRound();
    const ended = await attempt;
    this.#judgeReady();
    return { attempt: ended, isWrite: true };
  }

  /** Writes once more: who is shown that was shown all before it. */
  async reread(actor: LiveActor): Promise<boolean> {
    const { attempt, revision } = await this.#fence(actor);
    this.#goal = Math.max(this.#goal, revision);
    return attempt.type === "ok";
  }

  async finish(): Promise<void> {
    const { clock, sleep } = this.#options;
    this.#endRound();
    const until_ms = clock.monotonic() + CATCH_UP_MS;
    const goal = Math.max(this.#goal, ...this.#waiting.map(({ target }) => target));
    const isBehind = (): boolean => this.#reached.some((reached, at) => reached < goal && !this.#isLost[at]!);
    while (this.#following !== null && isBehind() && clock.monotonic() < until_ms) await sleep(POLL_MS);
    this.#stopping.abort();
    await this.#following;
    this.#judgeReady();
    this.undecided += this.#waiting.length;
  }

  async clear({ client }: LiveActor): Promise<void> {
    if (this.#found !== null) return;
    const start = keyFromText(this.#options.prefix);
    try {
      await client.write({ type: "deleteRange", start, end: prefixEnd(start) });
    } catch (error) {
      // Keys that are left over do no harm.
      if (!(error instanceof KvError)) throw error;
    }
  }

  async #begin(actor: LiveActor): Promise<Attempt<unknown>> {
    const { attempt, revision } = await this.#fence(actor);
    if (attempt.type === "ok" && this.#following === null) {
      const following = this.#options.watchers.map((_, at) => this.#follow(at, revision + 1));
      this.#following = Promise.all(following);
      // Seen at the end; until then a rejection has no other handler.
      this.#following.catch(() => this.#stopping.abort());
    }
    return attempt;
  }

  /** A write that belongs to no round. */
  async #fence({ id, client }: LiveActor): Promise<{ readonly attempt: Attempt<unknown>; readonly revision: number }> {
    const key = `${this.#prefix}fence`;
    const value = `x${++this.#written}`;
    let revision = 0;
    const attempt = await this.#attempts.perform(id, {
      what: { f: "put", key, value, isWrite: true },
      action: async () => {
        revision = resultAs(await client.write(put(key, value)), "put").revision;
      },
      told: () => ({ value }),
      onEvent: (event) => this.#note(event),
    });
    return { attempt, revision };
  }

  #write({ id, client }: LiveActor, round: WatchRound, key: string, value: string | null): Promise<Attempt<unknown>> {
    const write: RoundWrite = { key, value, began: 0, ended: 0, outcome: "open", revision: 0, changed: true };
    const remove: Operation = { type: "delete", key: keyFromText(key), returnPrevious: false };
    return this.#attempts.perform(id, {
      what: { f: value === null ? "delete" : "put", key, value, isWrite: true },
      action: async () => {
        const result = await client.write(value === null ? remove : put(key, value));
        write.revision = result.revision;
        if (value !== null) return resultAs(result, "put").written;
        const { deleted } = resultAs(result, "delete");
        write.changed = deleted > 0;
        return deleted;
      },
      told: (answer) => ({ value: value ?? answer }),
      onEvent: (event) => round.note(write, event, this.#note(event)),
    });
  }

  /** The number of the event. */
  #note(event: HistoryEvent): number {
    this.#options.onEvent?.(event);
    return ++this.#events;
  }

  #newRound(): WatchRound {
    return new WatchRound(`${this.#prefix}${++this.#rounds}/`, this.#options.watchers.length);
  }

  #endRound(): void {
    this.#round.isRetired = true;
    if (this.#round.writes.length > 0) this.#waiting.push(this.#round);
    this.#round = this.#newRound();
    if (this.#waiting.length <= MOST_WAITING) return;
    this.#waiting.shift();
    this.undecided++;
  }

  /** Judges the rounds that all watchers are past. */
  #judgeReady(): void {
    this.#waiting = this.#waiting.filter((round) => {
      if (round.open > 0 || !this.#isPassed(round)) return true;
      this.judged++;
      const wrong = round.judge();
      if (wrong !== null) this.#found ??= { keys: [`${round.prefix}*`], lines: [wrong], page: null };
      return false;
    });
  }

  #isPassed({ target, excused }: WatchRound): boolean {
    return this.#reached.every((reached, at) => reached >= target || excused.has(at));
  }

  async #follow(at: number, from: number): Promise<void> {
    const { dice, sleep, watchers } = this.#options;
    const start = keyFromText(this.#prefix);
    const { signal } = this.#stopping;
    let next = from;
    while (!signal.aborted) {
      let left = between(dice, 20, 500);
      try {
        for await (const event of watchers[at]!({ start, end: prefixEnd(start), fromRevision: next }, signal)) {
          this.#take(at, event);
          next = event.revision + 1;
          // A revision is told as a whole, so the next one is where to go on.
          if (--left <= 0) break;
        }
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        if (error instanceof Compacted) {
          // Events that are not kept any more are lost to whoever was away for too long.
          this.#isLost[at] = true;
          next = 0;
        }
        if (!signal.aborted) await sleep(pick(dice, [20, 50, 100]));
      }
    }
  }

  #take(at: number, event: WatchEvent): void {
    const rounds = [...this.#waiting, this.#round];
    if (this.#isLost[at]!) {
      for (const round of rounds) round.excused.add(at);
      this.#isLost[at] = false;
    }
    const key = keyToText(event.key);
    rounds.find(({ prefix }) => key.startsWith(prefix))?.see(at, event);
    this.#reached[at] = Math.max(this.#reached[at]!, event.revision);
  }
}

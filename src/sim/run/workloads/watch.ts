/**
 * Watches over keys that change all the time, some of them broken off and taken up again: each must tell every event
 * of the log once, in order, and miss none.
 *
 * @module
 */
import { bytesToText, keyToText } from "../../../codec/bytes.ts";
import type { EventView } from "../../../client/entries.ts";
import type { KVClient } from "../../../client/kv_client.ts";
import type { WatchStream } from "../../../client/watch_stream.ts";
import { Compacted, KvError } from "../../../core/errors.ts";
import type { WatchEvent } from "../../../core/kv/result.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, between, type Dice, pick, sleep, type Workload } from "../workload.ts";

const PREFIX = "watch/";
const KEYS = ["watch/a", "watch/b", "watch/c"];
/** How long a watch may take, in virtual milliseconds, to have everything once faults are over. */
const CATCH_UP_MS = 30_000;
const STEP_MS = 100;

/** What one watch saw without a gap of its own making. */
interface Stretch {
  /** The first revision that it was to show. */
  readonly from: number;
  readonly seen: string[];
  /** The revision of the last event that it saw. */
  last: number;
}

/** Checked against the events of the log. */
export class WatchWorkload implements Workload {
  readonly name = "watch";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #stretches: Stretch[] = [];
  readonly #open: (Stretch | null)[] = [];
  #written = 0;
  #streams: WatchStream<string>[] = [];
  #over = false;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
  }

  /** Starts a watcher with a client of its own. */
  watch(client: KVClient<string>, dice: Dice): void {
    const index = this.#open.push(null) - 1;
    this.#follow(client, dice, index).catch((error: unknown) => {
      this.#arena.violations.report("crash", `a watcher ended: ${String(error)}`);
    });
  }

  async step(actor: Actor): Promise<void> {
    const key = pick(actor.dice, KEYS);
    const value = `x${++this.#written}`;
    const isPut = actor.dice.next() < 0.8;
    const what = { f: isPut ? "put" : "delete", key, value: isPut ? value : null, isWrite: true };
    await this.recorder.perform(
      actor.id,
      what,
      async () => (isPut ? await actor.client.put(key, value) : await actor.client.delete(key)).revision,
      () => ({ value: what.value }),
    );
  }

  async finish(): Promise<void> {
    const { clock, truth, violations } = this.#arena;
    const goal = truth.events.findLast(({ key }) => key.startsWith(PREFIX))?.revision ?? 0;
    const until_ms = clock.monotonic() + CATCH_UP_MS;
    const behind = () =>
      this.#open.some((stretch) => stretch === null || Math.max(stretch.last, stretch.from - 1) < goal);
    while (behind() && clock.monotonic() < until_ms) await sleep(clock, STEP_MS);
    if (behind()) {
      const reached = this.#open.map((stretch) => stretch?.last ?? "nothing").join(", ");
      violations.report(this.name, `watches saw events up to ${reached}; the last one is ${goal}`);
    }
    this.#over = true;
    for (const stream of this.#streams) await stream.return();
  }

  check(): void {
    const { truth, violations } = this.#arena;
    const events = truth.events.filter(({ key }) => key.startsWith(PREFIX));
    for (const { from, last, seen } of this.#stretches) {
      const expected = events.filter(({ revision }) => revision >= from && revision <= last).map(eventText);
      const wrong = seen.findIndex((event, index) => event !== expected[index]);
      if (wrong >= 0) {
        violations.report(
          this.name,
          `event ${wrong} of a watch from ${from} was ${seen[wrong]}; in the log it is ${expected[wrong] ?? "none"}`,
        );
      } else if (seen.length < expected.length) {
        violations.report(this.name, `a watch from ${from} to ${last} did not see ${expected[seen.length]}`);
      }
    }
  }

  async #follow(client: KVClient<string>, dice: Dice, index: number): Promise<void> {
    let fromRevision = 0;
    while (!this.#over) {
      const stream = client.watch({ prefix: PREFIX, fromRevision });
      this.#streams.push(stream);
      try {
        const began = await stream.ready;
        let stretch = this.#open[index] ?? null;
        if (stretch === null) {
          stretch = { from: fromRevision === 0 ? began + 1 : fromRevision, seen: [], last: 0 };
          this.#stretches.push(stretch);
          this.#open[index] = stretch;
        }
        let left = between(dice, 5, 40);
        for await (const event of stream) {
          stretch.seen.push(viewText(event));
          stretch.last = event.revision;
          // A revision is told as a whole, so the next one is where to go on.
          if (--left <= 0) break;
        }
        if (left <= 0) fromRevision = stretch.last + 1;
        else if (!this.#over) fromRevision = Math.max(stretch.last + 1, stretch.from);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        // Events that are not kept any more are lost to whoever was away too long: a new stretch begins.
        if (error instanceof Compacted) {
          this.#open[index] = null;
          fromRevision = 0;
        }
        if (!this.#over) await sleep(this.#arena.clock, STEP_MS);
      } finally {
        this.#streams = this.#streams.filter((each) => each !== stream);
      }
    }
  }
}

function viewText({ type, revision, key, entry }: EventView<string>): string {
  return `${type} ${key}=${entry.value} at ${revision}`;
}

function eventText({ type, revision, key, entry }: WatchEvent): string {
  return `${type} ${keyToText(key)}=${bytesToText(entry.value)} at ${revision}`;
}

/**
 * The batches that a leader takes from their origins. Frames overtake one another on their way, and an origin sends all
 * that was not applied again and again: a batch that comes before its predecessor waits for it here, because if it were
 * passed over, hardly more than one batch would get through each time that an origin sends them all.
 *
 * Invariant: the batches of one life of an origin go on in the order of their numbers, each once.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import type { Forward } from "./messages.ts";
import type { Proposal } from "./value.ts";

/** How far ahead of the next batch one may be, and how many bytes may wait, of each origin. What is beyond comes again. */
const MAX_AHEAD = 1024;
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** What is known of an origin. */
interface Expected {
  readonly life: number;
  /** The number of the next batch. */
  number: number;
  /** Batches that have come too early, by number. */
  readonly waiting: Map<number, Uint8Array>;
  waiting_bytes: number;
}

/** What one leadership has taken. */
export class Intake {
  /** By origin. */
  readonly #expected: (Expected | undefined)[] = [];

  /** Takes a batch, whose bytes are kept; returns those whose turn it is now, in order. */
  take(origin: ReplicaId, { life, number, first, batch }: Forward): readonly Proposal[] {
    let expected = this.#expected[origin];
    if (expected === undefined || life > expected.life) {
      expected = { life, number: first, waiting: new Map(), waiting_bytes: 0 };
      this.#expected[origin] = expected;
    } else if (life < expected.life) return [];
    // What is below `first` was applied, through whomever: a late copy must not make this leader wait for it.
    skip(expected, first);
    if (number < expected.number) return [];
    if (number > expected.number) wait(expected, number, batch);
    else {
      drop(expected, number);
      expected.waiting.set(number, batch);
      expected.waiting_bytes += batch.length;
    }
    return ready(expected, origin);
  }
}

/** Batches below `number` are of no use any more. */
function skip(expected: Expected, number: number): void {
  if (number <= expected.number) return;
  expected.number = number;
  for (const waiting of expected.waiting.keys()) if (waiting < number) drop(expected, waiting);
}

function drop(expected: Expected, number: number): void {
  expected.waiting_bytes -= expected.waiting.get(number)?.length ?? 0;
  expected.waiting.delete(number);
}

function wait(expected: Expected, number: number, batch: Uint8Array): void {
  const isFull = expected.waiting_bytes + batch.length > MAX_WAITING_BYTES;
  if (isFull || number > expected.number + MAX_AHEAD || expected.waiting.has(number)) return;
  expected.waiting.set(number, batch);
  expected.waiting_bytes += batch.length;
}

function ready(expected: Expected, origin: ReplicaId): readonly Proposal[] {
  const proposals: Proposal[] = [];
  for (let batch; (batch = expected.waiting.get(expected.number)) !== undefined; expected.number++) {
    proposals.push({ origin, life: expected.life, number: expected.number, batch });
    drop(expected, expected.number);
  }
  return proposals;
}

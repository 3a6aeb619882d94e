/**
 * The smallest state machine that tells whether a command was applied twice or not at all.
 *
 * @module
 */
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../src/core/replication.ts";

/** A counter: a command is one byte to add, and the result is the new sum. */
export class Counter implements StateMachine {
  #sum = 0;

  apply(command: Uint8Array): Uint8Array {
    this.#sum += command[0] ?? 0;
    return this.query();
  }
  query(): Uint8Array {
    return new Uint8Array(Float64Array.of(this.#sum).buffer);
  }
  snapshot(): SnapshotSource {
    const slices = [this.query()];
    return { next: () => slices.shift() ?? null, close: () => {} };
  }
  restore(): SnapshotSink {
    let sum = 0;
    return { write: (slice) => void (sum = sumOf(slice)), finish: () => void (this.#sum = sum) };
  }
}

/** The sum that a counter gave as its result. */
export function sumOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}

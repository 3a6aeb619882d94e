/**
 * Which batches of each replica have been applied. Part of the replicated state: every replica decides alike whether
 * a batch that was chosen is applied or is a repetition.
 *
 * Invariant: the batches of one life of an origin are applied in the order of their numbers, each once. A batch that
 * comes before its predecessor is passed over, and its origin sends it again.
 *
 * @module
 */
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import type { BatchName } from "./value.ts";

/** How far an origin has come. */
interface Progress {
  readonly life: number;
  readonly number: number;
}

/** The progress of every replica as an origin. */
export class Origins {
  readonly #progress: (Progress | undefined)[] = [];

  /** The number of the last batch of this life of `origin` that was applied, 0 for none. */
  lastOf(origin: ReplicaId, life: number): number {
    const progress = this.#progress[origin];
    return progress?.life === life ? progress.number : 0;
  }

  /** Whether this batch is the next of its origin; notes it as applied if it is. */
  admit({ origin, life, number }: BatchName): boolean {
    const progress = this.#progress[origin];
    if (progress !== undefined && life < progress.life) return false;
    if (number !== this.lastOf(origin, life) + 1) return false;
    this.#progress[origin] = { life, number };
    return true;
  }

  /** Appends the bytes of all progress. */
  write(writer: ByteWriter): void {
    writer.varint(this.#progress.length);
    for (let origin = 0; origin < this.#progress.length; origin++) {
      const { life, number } = this.#progress[origin] ?? { life: 0, number: 0 };
      writer.varint(life);
      writer.varint(number);
    }
  }

  /** Reads what {@link write} wrote. */
  static read(reader: ByteReader): Origins {
    const origins = new Origins();
    const count = reader.varint();
    for (let origin = 0; origin < count; origin++) {
      const life = reader.varint();
      const number = reader.varint();
      if (life > 0) origins.#progress[origin] = { life, number };
    }
    return origins;
  }
}

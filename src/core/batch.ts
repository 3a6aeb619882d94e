/**
 * The bytes of a batch: the commands that were proposed together, and the wall time that was stamped on them.
 * What goes to the log as one record. Layout: version, time (u64), count (u32), then each command with its
 * length as a varint.
 *
 * @module
 */
import { ByteReader, CodecError } from "../codec/byte_reader.ts";
import { ByteWriter } from "../codec/byte_writer.ts";
import type { StateMachine } from "./replication.ts";

const VERSION = 1;
const TIME_OFFSET = 1;
const COUNT_OFFSET = 9;

/** Collects commands. Reusable: {@link reset} keeps the memory. */
export class BatchBuilder {
  #writer: ByteWriter = new ByteWriter(16 * 1024);
  #count = 0;
  #commandBytes = 0;

  constructor() {
    this.reset();
  }

  /** How many commands it holds. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes its commands have. */
  get commandBytes(): number {
    return this.#commandBytes;
  }

  /** How many bytes the batch has so far. */
  get bytes(): number {
    return this.#writer.length;
  }

  /** Empties the batch, keeps the memory. */
  reset(): void {
    this.#writer.reset();
    this.#count = 0;
    this.#commandBytes = 0;
    this.#writer.u8(VERSION);
    this.#writer.u64(0);
    this.#writer.u32(0);
  }

  /** Copies a command into the batch. */
  add(command: Uint8Array): void {
    this.#writer.blob(command);
    this.#count++;
    this.#commandBytes += command.length;
  }

  /** Stamps the time and returns the batch's bytes as a view: valid until the next change. */
  seal(time: number): Uint8Array {
    this.#writer.patchU32(TIME_OFFSET, time % 0x1_0000_0000);
    this.#writer.patchU32(TIME_OFFSET + 4, Math.floor(time / 0x1_0000_0000));
    this.#writer.patchU32(COUNT_OFFSET, this.#count);
    return this.#writer.view();
  }
}

/**
 * Calls `visit` with where each command of the batch `source[start, end)` lies in `source`, in order, with the batch's time
 * and the number of commands before it.
 *
 * @throws {CodecError} when the bytes are not one batch
 */
export function readBatch(
  source: Uint8Array,
  start: number,
  end: number,
  visit: (start: number, end: number, time: number, index: number) => void,
): void {
  const reader = new ByteReader(source, start, end);
  const version = reader.u8();
  if (version !== VERSION) throw new CodecError(`batch of version ${version}; this is version ${VERSION}`);
  const time = reader.u64();
  const count = reader.u32();
  for (let index = 0; index < count; index++) {
    const length = reader.varint();
    const at = reader.skip(length);
    visit(at, at + length, time, index);
  }
  reader.finish();
}

/** Applies the command `source[start, end)` as {@link StateMachine.applyFrom} would, to a machine with it or without. */
export function applyFrom(
  machine: StateMachine,
  source: Uint8Array,
  start: number,
  end: number,
  time: number,
  isAwaited: boolean,
): Uint8Array {
  return machine.applyFrom === undefined
    ? machine.apply(source.subarray(start, end), time)
    : machine.applyFrom(source, start, end, time, isAwaited);
}

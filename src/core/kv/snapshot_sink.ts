/**
 * Reads a snapshot, in slices of any size, into a state of its own, and hands it over only when the whole has
 * been verified: what `snapshot_blocks.ts` checks, and that no session and no result is there twice. Until then, and
 * after any error, the store is as it was.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import type { Key } from "../../codec/bytes.ts";
import type { SnapshotSink } from "../replication.ts";
import type { EntryTable } from "./entry_table.ts";
import type { Limits } from "./limits.ts";
import { type KeptResult, type LoadedSession, SessionTable } from "./session_table.ts";
import { SnapshotBlocks } from "./snapshot_blocks.ts";

/** Takes a verified state. */
export type Install = (table: EntryTable, sessions: SessionTable) => void;

interface OpenSession extends LoadedSession {
  readonly results: Map<number, KeptResult>;
}

/** Takes the slices of a snapshot and installs its state at the end. */
export class StateRestore implements SnapshotSink {
  readonly #limits: Limits;
  readonly #install: Install;
  readonly #blocks: SnapshotBlocks;
  #table: EntryTable | null = null;
  #uses = 0;
  readonly #sessions = new Map<Key, OpenSession>();
  #session: OpenSession | null = null;
  #isOver = false;

  /** `newTable` makes an empty table at a revision and time; `install` takes the verified state. */
  constructor(limits: Limits, newTable: (revision: number, time: number) => EntryTable, install: Install) {
    this.#limits = limits;
    this.#install = install;
    this.#blocks = new SnapshotBlocks({
      onHeader: ({ revision, time, uses }) => {
        this.#uses = uses;
        this.#table = newTable(revision, time);
      },
      onEntry: (key, entry) => this.#table!.load(key, entry),
      onSession: (session) => {
        if (this.#sessions.has(session.id)) throw new CodecError("a session that is there twice");
        this.#session = { ...session, results: new Map() };
        this.#sessions.set(session.id, this.#session);
      },
      onResult: (sequence, kept) => {
        const { results } = this.#session!;
        if (results.has(sequence)) throw new CodecError(`sequence ${sequence} twice in a session`);
        results.set(sequence, kept);
      },
    });
  }

  /** @throws {CodecError} when the bytes so far are not the beginning of a snapshot */
  write(slice: Uint8Array): void {
    this.#checkOpen();
    this.#blocks.write(slice);
  }

  /** @throws {CodecError} when the bytes are not a whole snapshot */
  finish(): void {
    this.#checkOpen();
    this.#blocks.finish();
    const sessions = this.#loadSessions();
    this.#isOver = true;
    this.#install(this.#table!, sessions);
  }

  #checkOpen(): void {
    if (this.#isOver) throw new CodecError("the snapshot has been restored already");
  }

  #loadSessions(): SessionTable {
    const table = new SessionTable(this.#limits, this.#uses);
    const sessions = [...this.#sessions.values()].sort((a, b) => a.useNumber - b.useNumber);
    for (const session of sessions) table.load(session);
    return table;
  }
}

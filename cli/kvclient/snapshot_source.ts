/**
 * The stream of a snapshot from whichever server gives one. Every replica can: what it sends holds all that was
 * acknowledged anywhere before it was asked.
 *
 * @module
 */
import { BACKUP_MEDIA_TYPE, BackupError } from "../../src/adapters/backup/format.ts";
import { BackupReader, type BackupSummary, type BackupVisitor } from "../../src/adapters/backup/reader.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { KvError } from "../../src/core/errors.ts";
import { Failure } from "../exit_code.ts";
import type { Context } from "./context.ts";
import { notOurs, reasonOf, requestPage } from "./http_page.ts";
import { formatServer } from "./profile.ts";
import type { Target } from "./store.ts";
import { addressFor } from "./target.ts";

/** A server that sends nothing for so long is given up. */
const STALL_MS = 60_000;

/** Who takes a snapshot. */
export interface SnapshotTaker extends BackupVisitor {
  /** The bytes as they came, once they were found good; the next come when this is done. */
  readonly onBytes?: (bytes: Uint8Array, reader: BackupReader) => Promise<void>;
}

/**
 * Takes a snapshot from the first server that gives one, and checks it while it comes. Nothing is certain of what the
 * taker was told before this resolves.
 *
 * @throws {KvError} when no server gives one
 * @throws {Failure} when it was not whole
 */
export async function takeSnapshot(context: Context, taker: SnapshotTaker): Promise<BackupSummary> {
  const { servers } = context.resolved.profile;
  let last: unknown = null;
  for (const each of servers) {
    const server = addressFor(each, { ...context.resolved.profile, protocol: "http" });
    try {
      return await takeFrom(server, context, taker);
    } catch (error) {
      if (context.signal.aborted) throw new KvError("ABORTED", "snapshot: it was aborted", { cause: error });
      // What has begun to come is not asked for again: the taker has been told of it.
      if (!(error instanceof NotBegun)) throw error;
      last = error.reason;
    }
  }
  if (last instanceof KvError) throw last;
  throw new KvError("UNAVAILABLE", String(last), { cause: last });
}

/** Another server may give what this one did not. */
class NotBegun extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("no snapshot");
    this.reason = reason;
  }
}

async function takeFrom(server: ServerAddress, context: Context, taker: SnapshotTaker): Promise<BackupSummary> {
  const { target } = context.resolved;
  const name = formatServer(server);
  const patience = new Patience(context.signal);
  try {
    patience.expect(target.deadline_ms);
    const stream = await ask(name, target, patience.signal).catch((error: unknown) => {
      const why = patience.isOver ? `no answer within ${target.deadline_ms} ms` : reasonOf(error);
      throw error instanceof KvError ? new NotBegun(error) : new NotBegun(
        `${name}: ${why}; a snapshot goes over HTTP, whatever --protocol is: give --http-port when it is not port + 1000`,
      );
    });
    const reader = new BackupReader(`the snapshot of ${name}`, taker);
    const body = stream.getReader();
    for (;;) {
      patience.expect(STALL_MS);
      const { done, value } = await body.read();
      if (done) return reader.finish();
      reader.write(value);
      patience.rest();
      await taker.onBytes?.(value, reader);
    }
  } catch (error) {
    if (error instanceof BackupError) throw new Failure(error.message, undefined, { cause: error });
    if (error instanceof NotBegun || error instanceof Failure || context.signal.aborted) throw error;
    const why = patience.isOver ? `nothing came for ${STALL_MS / 1000} seconds` : reasonOf(error);
    throw new Failure(`the snapshot of ${name} is not whole: ${why}; try again`, undefined, { cause: error });
  } finally {
    patience.end();
  }
}

async function ask(server: string, target: Target, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const { headers, body } = await requestPage(server, "/v1/snapshot", target, { signal });
  if (headers.get("content-type")?.startsWith(BACKUP_MEDIA_TYPE) !== true || body === null) throw notOurs(server);
  return body;
}

/** Aborts when what is expected does not come in time, or the user does not want it any more. */
class Patience {
  readonly #controller = new AbortController();
  readonly #user: AbortSignal;
  readonly #onUser = (): void => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | null = null;
  isOver = false;

  constructor(user: AbortSignal) {
    this.#user = user;
    if (user.aborted) this.#onUser();
    user.addEventListener("abort", this.#onUser);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expect(within_ms: number): void {
    this.rest();
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, within_ms);
  }

  rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Also ends a request that goes on. */
  end(): void {
    this.rest();
    this.#user.removeEventListener("abort", this.#onUser);
    this.#controller.abort();
  }
}

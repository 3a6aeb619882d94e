/**
 * `GET /v1/snapshot`: the whole state at one revision, as a stream that is made while it is taken. It holds every write
 * that was acknowledged anywhere before the request came.
 *
 * Invariant: memory stays bounded. A slice is made when the reader has room for it; what changes before it was written is
 * kept, and when that is too much, or the reader takes nothing for too long, the snapshot is given up.
 *
 * @module
 */
import { BACKUP_MEDIA_TYPE } from "../../adapters/backup/format.ts";
import { BackupWriter } from "../../adapters/backup/writer.ts";
import type { Key } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Range } from "../../core/kv/command.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Service } from "../service.ts";
import type { HttpGate } from "./gate.ts";
import type { Handler } from "./kv_routes.ts";
import { Query } from "./request_target.ts";
import { settleBarrier } from "./settle.ts";

/** The bounds of snapshots that are taken over HTTP. */
export interface SnapshotLimits {
  /** The most that are taken at the same time. @default 2 */
  readonly maxOpen: number;
  /** The most bytes of entries that have changed before they were written, for one snapshot. @default 268435456 */
  readonly maxHeld_bytes: number;
  /** How long a reader may take nothing. @default 60000 */
  readonly stall_ms: number;
  /** About how many bytes are made at a time. @default 131072 */
  readonly slice_bytes: number;
}

/** The bounds unless others are given. */
export const DEFAULT_SNAPSHOT_LIMITS: SnapshotLimits = {
  maxOpen: 2,
  maxHeld_bytes: 256 * 1024 * 1024,
  stall_ms: 60_000,
  slice_bytes: 128 * 1024,
};

/** What a snapshot reads. */
const ALL_KEYS: Range = {
  type: "range",
  start: "" as Key,
  end: null,
  limit: 0,
  reverse: false,
  projection: "entries",
};

/** What the route is made of. */
export interface SnapshotRouteOptions {
  readonly service: Service;
  readonly clock: Clock;
  /** The version of the product. */
  readonly product: string;
  readonly limits: SnapshotLimits;
}

/** The snapshots that are being taken from one server. */
export class SnapshotRoute {
  readonly #options: SnapshotRouteOptions;
  readonly #open = new Set<SnapshotStream>();
  /** Those that wait for their barrier. */
  #coming = 0;
  #isClosed = false;

  constructor(options: SnapshotRouteOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Gives up every snapshot, and those that are still asked for. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.giveUp("it is closing; ask another server, or again later");
  }

  /** Serves the route, to those who may read all keys. */
  handler(gate: HttpGate): Handler {
    return async (c) => {
      gate.permit(c.req.raw, ALL_KEYS);
      const { url, method } = c.req.raw;
      // There are no parameters: whoever gives one hears so.
      void new Query(url, []);
      const headers = { "Content-Type": BACKUP_MEDIA_TYPE, "Cache-Control": "no-store" };
      if (method === "HEAD") return new Response(null, { headers });
      const { service, limits: { maxOpen } } = this.#options;
      if (this.#open.size + this.#coming >= maxOpen) {
        throw new KvError(
          "UNAVAILABLE",
          `${maxOpen} snapshots are being taken from this server; ask another server, or again later`,
        );
      }
      this.#coming++;
      try {
        const stream = await settleBarrier(service, () => this.#begin());
        return new Response(stream.body, { headers: { ...headers, "KV-Revision": String(stream.revision) } });
      } finally {
        this.#coming--;
      }
    };
  }

  #begin(): SnapshotStream {
    if (this.#isClosed) throw new KvError("UNAVAILABLE", "the server is closing; ask another, or again later");
    const stream = new SnapshotStream(this.#options, () => this.#open.delete(stream));
    this.#open.add(stream);
    return stream;
  }
}

/** One snapshot on its way to one reader. */
class SnapshotStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly revision: number;
  readonly #options: SnapshotRouteOptions;
  readonly #source: ReturnType<KVStore["backup"]>;
  readonly #writer = new BackupWriter();
  readonly #onClose: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #stall: Timer | null = null;
  #isOver = false;

  /** Begins: the snapshot shows the state of this moment. */
  constructor(options: SnapshotRouteOptions, onClose: () => void) {
    this.#options = options;
    this.#onClose = onClose;
    const { service: { store, replication }, clock, product } = options;
    this.#source = store.backup();
    this.revision = store.revision;
    const first = this.#writer.begin({
      product,
      replication: replication.status().protocol,
      revision: store.revision,
      time_ms: store.time,
      taken_ms: clock.now(),
      keys: store.size,
      sessions: store.sessions,
    });
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(first);
      },
      pull: () => this.#pull(),
      cancel: () => this.#release(),
    }, { highWaterMark: 1 });
    this.#watchReader();
  }

  /** Ends it, telling the reader why. */
  giveUp(reason: string): void {
    if (this.#isOver) return;
    this.#release();
    this.#controller?.enqueue(this.#writer.giveUp(reason));
    this.#controller?.close();
  }

  /** The reader has room: makes one slice, in a turn of its own, so that a fast reader does not keep others waiting. */
  #pull(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.defer(() => {
        this.#advance();
        resolve();
      });
    });
  }

  #advance(): void {
    const controller = this.#controller;
    if (this.#isOver || controller === null) return;
    const { maxHeld_bytes, slice_bytes } = this.#options.limits;
    if (this.#source.held_bytes > maxHeld_bytes) {
      this.giveUp(
        `more than ${maxHeld_bytes} bytes have changed since it began; take it over a faster connection, or while less is written`,
      );
      return;
    }
    const slice = this.#source.next(slice_bytes);
    if (slice !== null) {
      controller.enqueue(this.#writer.part(slice));
      this.#watchReader();
      return;
    }
    this.#release();
    controller.enqueue(this.#writer.end());
    controller.close();
  }

  #watchReader(): void {
    const { clock, limits: { stall_ms } } = this.#options;
    this.#stall?.cancel();
    this.#stall = clock.after(stall_ms, () => this.giveUp(`nothing was read for ${stall_ms / 1000} seconds`));
  }

  /** Lets go of everything; also what the runtime calls when the reader is gone. */
  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stall?.cancel();
    this.#source.close();
    this.#onClose();
  }
}

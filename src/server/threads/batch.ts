/**
 * What passes between the thread that owns the state and the threads that hold the sockets: in each direction one
 * message of bytes per turn, with everything in it that the turn has to say, in order.
 *
 * An item is its kind, the number of the connection that it is about, and what the kind has beside these:
 *
 * | from | kind | what follows | |
 * |---|---|---|---|
 * | door | `open` | address of the client, own address | a client has come |
 * | door | `peer` | address of the replica | a replica has come |
 * | door | `requests` | bytes | whole requests of a client, see `encoded_requests.ts` |
 * | door | `data` | bytes | what a replica has sent |
 * | door | `written` | a number | so many more bytes have left for the client |
 * | door | `inputEnd`, `idle`, `finish`, `closed` | | as in `WireClient` |
 * | door | `stats` | pairs of a field and a difference | what the door has counted; about no connection, so 0 |
 * | owner | `write` | bytes | for the client |
 * | owner | `taken` | a number, and whether the client is limited | so many more bytes of requests were executed |
 * | owner | `end`, `destroy` | | as in `RespTransport` |
 *
 * What is said of HTTP is in `http_items.ts`.
 *
 * @module
 */
import { ByteReader } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { HttpItemKind } from "./http_items.ts";

/** The kinds of items. */
export const ITEM = {
  open: 1,
  peer: 2,
  requests: 3,
  data: 4,
  written: 5,
  inputEnd: 6,
  idle: 7,
  finish: 8,
  closed: 9,
  stats: 10,
  write: 32,
  taken: 33,
  end: 34,
  destroy: 35,
} as const;

/** The kind of an item. */
export type ItemKind = typeof ITEM[keyof typeof ITEM];

/** A batch of more than this is sent before the turn ends. */
const MOST_BYTES = 1024 * 1024;
/** Memory above this is handed over with the batch in it, instead of being copied and kept. */
const KEPT_BYTES = 64 * 1024;

/** Sends a batch; its memory is given away. */
export type Post = (batch: Uint8Array) => void;

/** Gathers what a turn has to say. */
export class Outbox {
  readonly #post: Post;
  readonly #schedule: (run: () => void) => void;
  readonly #beforePost: (outbox: Outbox) => void;
  #writer = new ByteWriter(4096);
  #due = false;

  /** `schedule` runs something at the end of the turn; `beforePost` may add the last items of a batch. */
  constructor(post: Post, schedule: (run: () => void) => void, beforePost: (outbox: Outbox) => void = () => {}) {
    this.#post = post;
    this.#schedule = schedule;
    this.#beforePost = beforePost;
  }

  /** Begins an item; what its kind has besides is written to what this returns, before the next item begins. */
  begin(kind: ItemKind | HttpItemKind, connection: number): ByteWriter {
    if (this.#writer.length > MOST_BYTES) this.#send();
    this.due();
    this.#writer.u8(kind);
    this.#writer.varint(connection);
    return this.#writer;
  }

  /** There will be something to say at the end of the turn. */
  due(): void {
    if (this.#due) return;
    this.#due = true;
    this.#schedule(() => this.flush());
  }

  /** Sends what there is now. */
  flush(): void {
    this.#beforePost(this);
    this.#due = false;
    if (this.#writer.length > 0) this.#send();
  }

  #send(): void {
    const writer = this.#writer;
    if (writer.bytes.length > KEPT_BYTES) {
      this.#writer = new ByteWriter(4096);
      this.#post(writer.view());
    } else {
      const batch = writer.take();
      writer.reset();
      this.#post(batch);
    }
  }
}

/** One item of a batch. */
export interface Item {
  readonly kind: number;
  /** Which connection it is about. */
  readonly connection: number;
  /** Where the rest of it is read from, as far as its kind says. */
  readonly reader: ByteReader;
}

/** Hands the items of a batch to `take`, which must read each to its end. */
export function readBatch(batch: Uint8Array, take: (item: Item) => void): void {
  const reader = new ByteReader(batch);
  while (reader.remaining > 0) take({ kind: reader.u8(), connection: reader.varint(), reader });
}

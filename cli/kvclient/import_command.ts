/**
 * `import`: puts the entries of lines of JSON, many in one transaction and several transactions at a time. To put the same
 * lines twice is the same as once, so what failed half-way is simply done again.
 *
 * @module
 */
import { CodecError } from "../../src/codec/byte_reader.ts";
import { type Key, keyFromText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { NO_EXPIRY, type Put } from "../../src/core/kv/command.ts";
import { EXIT, Failure } from "../exit_code.ts";
import { type Context, describeError, exitCodeOf } from "./context.ts";
import { FLAGS } from "./flags.ts";
import { inputLines, inputSize } from "./input_lines.ts";
import { type LineEntry, parseLine } from "./json_line.ts";
import { ProgressBar } from "./progress_bar.ts";
import { expectResult, type Store } from "./store.ts";

/** What goes in one transaction, and how many of these are under way. */
const BATCH_ENTRIES = 256;
const BATCH_BYTES = 256 * 1024;
const MOST_UNDER_WAY = 4;
/** How often a transaction is tried before the import gives up, each time after twice the pause. */
const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 100;

interface NumberedPut {
  readonly number: number;
  readonly put: Put;
}

/** `import FILE`, `import -` */
export async function importEntries(context: Context, store: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const path = line.operands[0]!;
  const prefix = keyFromText(line.get(FLAGS.prefix) ?? "");
  const size = await inputSize(path);
  const progress = new ProgressBar(context);
  const importer = new Importer(context, store, path);
  let skipped = 0;
  try {
    for await (const { number, bytes, offset } of inputLines(path)) {
      if (signal.aborted) throw new KvError("ABORTED", "import: it was aborted");
      if (isBlank(bytes)) continue;
      const entry = entryOf(path, number, bytes);
      if (entry.key.startsWith(prefix)) await importer.add({ number, put: putOf(entry) });
      else skipped++;
      if (size === null) progress.update(importer.done, null, "keys");
      else progress.update(offset, size, "bytes");
    }
    await importer.finish();
  } catch (error) {
    progress.clear();
    // What is under way is waited for: the client is closed behind this.
    await importer.settle();
    if (importer.done > 0) {
      terminal.writeError(
        `kvclient: ${importer.done} entries were imported before; to import all once more does no harm\n`,
      );
    }
    throw error;
  }
  progress.clear();
  const { done } = importer;
  if (json) await terminal.write(JSON.stringify({ file: path, imported: done, skipped }) + "\n");
  else await terminal.write(`imported ${done} entries${skipped === 0 ? "" : `, skipped ${skipped}`}\n`);
  return EXIT.done;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function entryOf(path: string, number: number, bytes: Uint8Array): LineEntry {
  try {
    return parseLine(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new Failure(`${path}, line ${number}: ${error.message}`, undefined, { cause: error });
  }
}

function putOf({ key, value, ttl_ms }: LineEntry): Put {
  const expiry = ttl_ms === null ? NO_EXPIRY : { type: "after", duration_ms: ttl_ms } as const;
  return { type: "put", key, value, expiry, condition: "always", returnPrevious: false };
}

/** Gathers entries and sends them off. */
class Importer {
  readonly #context: Context;
  readonly #store: Store;
  readonly #path: string;
  #batch: NumberedPut[] = [];
  #batch_bytes = 0;
  /** The keys of what is under way: of two lines with one key the later one must win. */
  readonly #keys = new Set<Key>();
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  /** How many entries were put. */
  done = 0;

  constructor(context: Context, store: Store, path: string) {
    this.#context = context;
    this.#store = store;
    this.#path = path;
  }

  /** Takes an entry; resolves when there is room for the next. */
  async add(numbered: NumberedPut): Promise<void> {
    const { key, value } = numbered.put;
    if (this.#keys.has(key)) await this.finish();
    this.#keys.add(key);
    this.#batch.push(numbered);
    this.#batch_bytes += key.length + value.length;
    if (this.#batch.length < BATCH_ENTRIES && this.#batch_bytes < BATCH_BYTES) return;
    this.#sendBatch();
    while (this.#underWay.size >= MOST_UNDER_WAY) await Promise.race(this.#underWay);
    this.#check();
  }

  /** Everything that was taken is put when this resolves. */
  async finish(): Promise<void> {
    this.#sendBatch();
    await this.settle();
    this.#check();
  }

  /** Waits for what is under way, however it ends. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #sendBatch(): void {
    const batch = this.#batch;
    if (batch.length === 0 || this.#failure !== null) return;
    this.#batch = [];
    this.#batch_bytes = 0;
    const sending = this.#put(batch).then(() => {
      this.done += batch.length;
      for (const { put } of batch) this.#keys.delete(put.key);
    }, (error: unknown) => {
      this.#failure ??= { error };
    }).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  /** Puts a batch in one transaction, or where that is too much for the server or the way to it, in smaller ones. */
  async #put(batch: readonly NumberedPut[]): Promise<void> {
    try {
      await this.#putOnce(batch);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      if (batch.length === 1 || !["LIMIT_EXCEEDED", "MESSAGE_TOO_LARGE"].includes(error.code)) {
        throw this.#describe(batch, error);
      }
      const half = Math.ceil(batch.length / 2);
      await this.#put(batch.slice(0, half));
      await this.#put(batch.slice(half));
    }
  }

  async #putOnce(batch: readonly NumberedPut[]): Promise<void> {
    const { terminal, signal } = this.#context;
    let pause_ms = FIRST_PAUSE_MS;
    for (let attempt = 1;; attempt++) {
      try {
        const puts = batch.map(({ put }) => put);
        const txn = { type: "txn", compare: [], then: puts, else: [] } as const;
        const { results } = expectResult(await this.#store.execute(txn, signal), "txn");
        for (const result of results) {
          if (result.type === "error") throw new KvError(result.code, result.message);
        }
        return;
      } catch (error) {
        const mayPass = error instanceof KvError && (error.retryable || error.code === "OUTCOME_UNKNOWN");
        if (!mayPass || attempt === ATTEMPTS || signal.aborted) throw error;
        await terminal.sleep(pause_ms, signal);
        pause_ms *= 2;
      }
    }
  }

  #describe(batch: readonly NumberedPut[], error: KvError): Failure | KvError {
    if (error.code === "ABORTED") return error;
    const [first, last] = [batch[0]!.number, batch.at(-1)!.number];
    const where = first === last ? `line ${first}` : `lines ${first} to ${last}`;
    return new Failure(`${this.#path}, ${where}: ${describeError(error, this.#context)}`, exitCodeOf(error), {
      cause: error,
    });
  }
}

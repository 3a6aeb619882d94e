/**
 * `export`: the entries of the servers at one revision, as lines of JSON. They come from the stream of a snapshot, which is
 * what makes them consistent.
 *
 * @module
 */
import { EMPTY, keyFromText, textToBytes } from "../../src/codec/bytes.ts";
import { EXIT } from "../exit_code.ts";
import type { Context } from "./context.ts";
import { FLAGS } from "./flags.ts";
import { formatLine } from "./json_line.ts";
import { ProgressBar } from "./progress_bar.ts";
import { takeSnapshot } from "./snapshot_source.ts";
import { WholeFile } from "./whole_file.ts";

/** Where lines go. */
interface Output {
  readonly write: (text: string) => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly abort: () => Promise<void>;
}

/** `export FILE`, `export -` */
export async function exportEntries(context: Context): Promise<number> {
  const { terminal, line, json } = context;
  const path = line.operands[0]!;
  const prefix = keyFromText(line.get(FLAGS.prefix) ?? "");
  const progress = new ProgressBar(context);
  const output = path === "-" ? toTerminal(context) : await toFile(path);
  let now_ms = 0;
  let text = "";
  let count = 0;
  try {
    const { head } = await takeSnapshot(context, {
      onHead: (known) => now_ms = Math.max(known.time_ms, known.taken_ms),
      onEntry: (key, { value, expiry }) => {
        const ttl_ms = expiry === 0 ? null : expiry - now_ms;
        if (!key.startsWith(prefix) || (ttl_ms !== null && ttl_ms <= 0)) return;
        text += formatLine({ key, value, ttl_ms });
        count++;
      },
      onBytes: async (_, reader) => {
        await output.write(text);
        text = "";
        progress.update(reader.entries, reader.head?.keys ?? 0, "keys");
      },
    });
    await output.commit();
    progress.clear();
    const message = json
      ? JSON.stringify({ file: path, keys: count, revision: head.revision })
      : `exported ${count} keys of revision ${head.revision}${path === "-" ? "" : ` to ${path}`}`;
    if (path === "-") terminal.writeError(message + "\n");
    else await terminal.write(message + "\n");
    return EXIT.done;
  } catch (error) {
    progress.clear();
    await output.abort();
    throw error;
  }
}

function toTerminal({ terminal }: Context): Output {
  const nothing = (): Promise<void> => Promise.resolve();
  return { write: (text) => text === "" ? nothing() : terminal.write(text), commit: nothing, abort: nothing };
}

async function toFile(path: string): Promise<Output> {
  const file = await WholeFile.create(path);
  return {
    write: (text) => file.write(text === "" ? EMPTY : textToBytes(text)),
    commit: () => file.commit(),
    abort: () => file.abort(),
  };
}

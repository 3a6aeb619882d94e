/**
 * `snapshot save` and `snapshot status`: the state of the servers in a file, and what such a file holds.
 *
 * @module
 */
import { readBackupFile } from "../../src/adapters/backup/file.ts";
import { BackupError } from "../../src/adapters/backup/format.ts";
import type { BackupSummary } from "../../src/adapters/backup/reader.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { type Context, writeJson, writeLine } from "./context.ts";
import { ProgressBar } from "./progress_bar.ts";
import { takeSnapshot } from "./snapshot_source.ts";
import { WholeFile } from "./whole_file.ts";

/** `snapshot save FILE`, `snapshot status FILE` */
export async function snapshot(context: Context): Promise<number> {
  const [action, file] = context.line.operands;
  if (action === "save") return await save(context, file!);
  if (action === "status") return await status(context, file!);
  throw new UsageError(`snapshot ${JSON.stringify(action)}: write snapshot save FILE or snapshot status FILE`);
}

async function save(context: Context, path: string): Promise<number> {
  const { terminal, json } = context;
  const since_ms = terminal.monotonic();
  const progress = new ProgressBar(context);
  const file = await WholeFile.create(path);
  let summary: BackupSummary;
  try {
    summary = await takeSnapshot(context, {
      onBytes: async (bytes, reader) => {
        await file.write(bytes);
        progress.update(reader.entries, reader.head?.keys ?? 0, "keys");
      },
    });
    await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  } finally {
    progress.clear();
  }
  if (json) await writeJson(terminal, { file: path, ...figuresOf(summary) });
  else {
    const seconds = ((terminal.monotonic() - since_ms) / 1000).toFixed(1);
    await writeLine(
      terminal,
      `saved ${summary.entries} keys of revision ${summary.head.revision} to ${path}: ` +
        `${summary.size_bytes} bytes in ${seconds} s, SHA-256 ${summary.digest}`,
    );
  }
  return EXIT.done;
}

async function status({ terminal, json }: Context, path: string): Promise<number> {
  let expiring = 0;
  const summary = readFile(path, (expiry) => {
    if (expiry !== 0) expiring++;
  });
  const figures = figuresOf(summary);
  if (json) {
    await writeJson(terminal, { file: path, ...figures, expiring });
    return EXIT.done;
  }
  const rows: readonly (readonly [name: string, value: string])[] = [
    ["format version", String(figures.formatVersion)],
    ["written by", `kvpaxos ${figures.product}, replication ${figures.replication}`],
    ["taken", figures.taken],
    ["revision", String(figures.revision)],
    ["keys", `${figures.keys}, of which ${expiring} expire`],
    ["sessions", `${figures.sessions} included, with ${figures.results} results`],
    ["bytes", String(figures.bytes)],
    ["SHA-256", `${figures.digest}, ok`],
  ];
  for (const [name, value] of rows) await writeLine(terminal, `${`${name}:`.padEnd(16)}${value}`);
  return EXIT.done;
}

function readFile(path: string, onExpiry: (expiry: number) => void): BackupSummary {
  try {
    return readBackupFile(path, { onEntry: (_, { expiry }) => onExpiry(expiry) });
  } catch (cause) {
    if (cause instanceof BackupError) throw new Failure(cause.message, undefined, { cause });
    throw new Failure(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, {
      cause,
    });
  }
}

interface SnapshotFigures {
  readonly formatVersion: number;
  readonly product: string;
  readonly replication: string;
  readonly taken: string;
  readonly revision: number;
  readonly keys: number;
  readonly sessions: number;
  readonly results: number;
  readonly bytes: number;
  readonly digest: string;
}

function figuresOf(
  { head, formatVersion, entries, sessions, results, size_bytes, digest }: BackupSummary,
): SnapshotFigures {
  const { product, replication, revision, taken_ms } = head;
  return {
    formatVersion,
    product,
    replication,
    taken: new Date(taken_ms).toISOString(),
    revision,
    keys: entries,
    sessions,
    results,
    bytes: size_bytes,
    digest,
  };
}

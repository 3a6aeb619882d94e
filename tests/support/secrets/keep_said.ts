/**
 * Keeps what is logged in the process of a test file and what the processes that it starts print, for the search for
 * secrets. It is loaded before every test file, so that no test has to think of it.
 *
 * @module
 */
import childProcess, { type ChildProcess, type SpawnSyncReturns } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import process from "node:process";
import { configureSync, getTextFormatter } from "@logtape/logtape";
import { FOLDER_VARIABLE, keepSaid } from "./secrets.ts";

const format = getTextFormatter();
configureSync({
  reset: true,
  sinks: { kept: (record) => keepSaid("log", format(record) + JSON.stringify(record.properties) + "\n") },
  loggers: [
    { category: "kvpaxos", lowestLevel: "trace", sinks: ["kept"] },
    { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["kept"] },
  ],
});

/** Programs of ours, and those that show what ours answer. Others print megabytes that have nothing to do with secrets. */
const LISTENED_TO = /^(kvserver|kvclient|redis-cli|curl)(\.js|\.ts)?$/;

function nameOf(command: string, args: unknown): string | null {
  const words = [command, ...(Array.isArray(args) ? args.slice(0, 12) as unknown[] : [])];
  return words.map((word) => basename(String(word))).find((word) => LISTENED_TO.test(word)) ?? null;
}

// The modules of tests bind to these names, so that they are changed where they are defined. Only Node can do that,
// and the tests that start processes run on Node only.
if (process.env[FOLDER_VARIABLE] !== undefined && !("Bun" in globalThis) && !("Deno" in globalThis)) {
  const { spawn, spawnSync } = childProcess;
  const listening = (...args: Parameters<typeof spawn>): ChildProcess => {
    const child = spawn(...args);
    const name = nameOf(args[0], args[1]);
    if (name !== null) {
      for (const stream of [child.stdout, child.stderr]) {
        const whole = stream?.emit.bind(stream);
        if (stream === null || stream === undefined || whole === undefined) continue;
        // Not as one more listener, which would have the stream flow before the test reads it.
        stream.emit = (event: string | symbol, ...rest: unknown[]): boolean => {
          if (event === "data") keepSaid(`${name}.${child.pid}`, rest[0] as Uint8Array);
          return whole(event, ...rest);
        };
      }
    }
    return child;
  };
  const listeningSync = (...args: Parameters<typeof spawnSync>): SpawnSyncReturns<string | Uint8Array> => {
    const result = spawnSync(...args) as SpawnSyncReturns<string | Uint8Array>;
    const name = nameOf(args[0], args[1]);
    if (name !== null) { for (const text of [result.stdout, result.stderr]) keepSaid(`${name}.sync`, text ?? ""); }
    return result;
  };
  Object.assign(childProcess, { spawn: listening, spawnSync: listeningSync });
  syncBuiltinESMExports();
}

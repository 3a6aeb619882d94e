/**
 * Runs of the simulator in which one module of the code is patched. The protocol has no seams for deliberate bugs: a
 * mutant of it is a few changed characters of one file, put in while the simulator is bundled into a module of its own.
 *
 * Invariant: a patch applies in exactly one place, so that one that fits no longer is noticed and not passed over.
 *
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import type { RunOptions, RunReport } from "../../src/sim/sim.ts";
import type { HostFactory } from "../../src/sim/world/host.ts";
import type { StagedProtocol } from "../sim/scenarios/host.ts";
import type { ScriptOptions, ScriptResult } from "../../src/sim/world/script.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What is bundled: runs of seeds, and scenarios. */
const ENTRY = `
  export { runSeed } from "./src/sim/run/run_seed.ts";
  export { runScript } from "./src/sim/world/script.ts";
  export { stagedHost } from "./tests/sim/scenarios/host.ts";
`;

/** A small change of one file. */
export interface Patch {
  /** The file, from the root of the repository. */
  readonly file: string;
  /** The text that is replaced. It stands in the file exactly once. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
}

/** The simulator with a change in it. */
export interface PatchedSimulator {
  readonly runSeed: (options: RunOptions) => Promise<RunReport>;
  readonly runScript: (script: string, options: ScriptOptions) => Promise<ScriptResult>;
  /** The servers of scenarios. */
  readonly stagedHost: (protocol: StagedProtocol, leaseReads?: boolean) => HostFactory;
}

/**
 * The text of a file after a patch.
 *
 * @throws {RangeError} unless what is to be replaced stands there exactly once
 */
export function applyPatch(text: string, { file, find, replace }: Patch): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new RangeError(`${file} has ${parts.length - 1} places, not one, that read: ${find}`);
  }
  return parts.join(replace);
}

/** The text of every file that patches change, after them, by its path. */
export async function patchedTexts(patches: readonly Patch[]): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const patch of patches) {
    const path = join(ROOT, patch.file);
    texts.set(path, applyPatch(texts.get(path) ?? await readFile(path, "utf8"), patch));
  }
  return texts;
}

/** The simulator with patches in it. */
export async function patchedSimulator(patches: readonly Patch[]): Promise<PatchedSimulator> {
  const texts = await patchedTexts(patches);
  const unused = new Set(texts.keys());
  const plugin: Plugin = {
    name: "patch",
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = texts.get(path);
        if (contents === undefined) return null;
        unused.delete(path);
        return { contents, loader: "ts" };
      });
    },
  };
  const folder = await mkdtemp(join(tmpdir(), "kvpaxos-mutant-"));
  try {
    const outfile = join(folder, "simulator.mjs");
    await build({
      stdin: { contents: ENTRY, resolveDir: ROOT, loader: "ts" },
      bundle: true,
      platform: "node",
      format: "esm",
      target: "es2023",
      outfile,
      plugins: [plugin],
      logLevel: "silent",
    });
    if (unused.size > 0) throw new RangeError(`the simulator does not use ${[...unused].join(", ")}`);
    return await import(pathToFileURL(outfile).href) as PatchedSimulator;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

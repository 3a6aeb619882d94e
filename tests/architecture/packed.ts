/** The package as npm would have it, installed into a folder without asking any registry. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The top of the tree. */
export const root: string = resolve(import.meta.dirname, "../..");

/** A program of the tree's own modules. */
export const bin = (name: string): string => join(root, "node_modules/.bin", name);

/** A manifest, as far as it is looked at here. */
export interface Manifest {
  readonly version: string;
  readonly sideEffects?: boolean;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Reads a manifest of the tree. */
export function manifest(path: "package.json" | "deno.json"): Manifest {
  return JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
}

/** What can be imported: `@x/kvpaxos`, `@x/kvpaxos/client`, … */
export const specifiers: readonly string[] = Object.keys(manifest("deno.json").exports).map((subpath) =>
  "@x/kvpaxos" + subpath.slice(1)
);

/** A packed package. */
export interface Packed {
  /** The path of the archive. */
  readonly tarball: string;
  /** The files in it. */
  readonly paths: readonly string[];
}

/** Packs the tree as it is built. */
export function pack(folder: string): Packed {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} ended with ${status}\n${stderr}`);
  // npm lists the packages, or names them.
  const [report] = Object.values(JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>);
  const { filename, files } = report!;
  const tarball = join(folder, filename.replaceAll("/", "-").replace("@", ""));
  return { tarball, paths: files.map(({ path }) => path) };
}

/** Installs the archive into `folder`, as a project's only dependency; what it depends on is that of the tree. */
export function install({ tarball }: Packed, folder: string): void {
  const installed = join(folder, "node_modules", "@x", "kvpaxos");
  mkdirSync(installed, { recursive: true });
  const { status, stderr } = spawnSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  if (status !== 0) throw new Error(`tar ended with ${status}\n${stderr.toString()}`);
  for (const name of Object.keys(manifest("package.json").dependencies)) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "dependencies": { "@x/kvpaxos": "*" } }\n');
}

/**
 * Has npm install the archive as a command of the whole machine, below `prefix`, and returns that. What the package depends
 * on is that of the tree, so that no registry is asked.
 */
export function installGlobally({ tarball }: Packed, prefix: string): string {
  const unpacked = join(prefix, "unpacked");
  mkdirSync(unpacked, { recursive: true });
  succeed("tar", ["-xzf", tarball, "-C", unpacked]);
  const path = join(unpacked, "package", "package.json");
  const { dependencies, devDependencies: _, ...rest } = JSON.parse(readFileSync(path, "utf8")) as Record<
    string,
    object
  >;
  writeFileSync(path, JSON.stringify(rest));
  const archive = join(prefix, "package.tgz");
  succeed("tar", ["-czf", archive, "-C", unpacked, "package"]);
  const quiet = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];
  succeed("npm", ["install", "--global", "--prefix", prefix, ...quiet, archive]);
  for (const name of Object.keys(dependencies!)) {
    const link = join(prefix, "lib/node_modules/@x/kvpaxos/node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  return prefix;
}

function succeed(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${stderr}`);
}

/** The runtimes, and how each runs a script of a project whose modules npm has installed. */
export const RUNTIMES: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ["Node", "node", []],
  ["Bun", "bun", []],
  ["Deno", "deno", ["run", "-A", "--node-modules-dir=manual"]],
];

/** What a script of `folder` prints. */
export function outputOn(folder: string, command: string, args: readonly string[], script: string): string {
  const options = { cwd: folder, encoding: "utf8", timeout: 60_000 } as const;
  const { stdout, stderr } = spawnSync(bin(command), [...args, script], options);
  return stderr + stdout;
}

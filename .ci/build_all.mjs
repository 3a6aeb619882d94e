// Builds the executables for all systems into dist/release, with their checksums. bun fetches the base of another system
// from the npm registry: what cannot be had is said, and only the executables of this system must be there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compileArguments } from "./executable.mjs";

const TARGETS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "windows-x64"];
const PROGRAMS = ["kvserver", "kvclient"];
/** A base is some 100 MB. */
const TIMEOUT_MS = 300_000;

const root = new URL("..", import.meta.url).pathname;
const folder = join(root, "dist", "release");
const own = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const sums = [];
let ownBuilt = 0;
for (const target of [...TARGETS, ...(TARGETS.includes(own) ? [] : [own])]) {
  for (const program of PROGRAMS) {
    const file = join(folder, `${program}-${target}${target.startsWith("windows") ? ".exe" : ""}`);
    const args = [...compileArguments(`cli/${program}/main.ts`, file), ...(target === own ? [] : [`--target=bun-${target}`])];
    const bun = join(root, "node_modules", ".bin", "bun");
    const { status, error, stderr } = spawnSync(bun, args, { cwd: root, encoding: "utf8", timeout: TIMEOUT_MS });
    if (status === 0 && existsSync(file)) {
      sums.push(`${createHash("sha256").update(readFileSync(file)).digest("hex")}  ${basename(file)}\n`);
      console.log(`built      ${basename(file).padEnd(28)} ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`);
      if (target === own) ownBuilt++;
      continue;
    }
    const why = error?.message ?? stderr.trim().split("\n").find((line) => /error/i.test(line)) ?? `bun ended with ${status}`;
    console.log(`not built  ${basename(file).padEnd(28)} ${why.trim()}`);
    // The other program needs the same base.
    break;
  }
}
writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
if (ownBuilt < PROGRAMS.length) {
  console.error(`the executables for this system (${own}) could not be built`);
  process.exit(1);
}

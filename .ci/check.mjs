// Every static check, one line each; exits 1 when one fails.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The modules that the package shows. */
const entryPoints = Object.values(JSON.parse(readFileSync(new URL("../deno.json", import.meta.url), "utf8")).exports);

const checks = [
  ["types, whole tree", "tsc", ["-p", "."]],
  ["types, without any runtime's", "tsc", ["-p", "src/tsconfig.json"]],
  ["types, as Deno sees them", "deno", ["check", ...entryPoints, "cli/kvserver/main.ts", "cli/kvclient/main.ts"]],
  ["format", "deno", ["fmt", "--check"]],
  ["lint", "deno", ["lint"]],
  ["lint with types", "oxlint", ["--type-aware", "-c", ".ci/oxlint.json", "mod.ts", "src", "cli", "tests"]],
  ["public docs", "deno", ["doc", "--lint", ...entryPoints]],
  ["publishable to JSR", "deno", ["publish", "--dry-run", "--allow-dirty"]],
];

let failed = 0;
for (const [name, command, args] of checks) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  const good = error === undefined && status === 0;
  console.log(`${good ? "ok  " : "FAIL"} ${name}`);
  if (!good) {
    failed++;
    console.log(`${command} ${args.join(" ")}\n${error ?? ""}${stdout ?? ""}${stderr ?? ""}`);
  }
}
process.exit(failed === 0 ? 0 : 1);

// Every static check, one line each; exits 1 when one fails.
import { spawnSync } from "node:child_process";

const checks = [
  ["types, whole tree", "tsc", ["-p", "."]],
  ["types, without any runtime's", "tsc", ["-p", "src/tsconfig.json"]],
  ["types, as Deno sees them", "deno", ["check", "mod.ts", "src/sim/sim.ts", "cli/kvserver/main.ts", "cli/kvclient/main.ts"]],
  ["format", "deno", ["fmt", "--check"]],
  ["lint", "deno", ["lint"]],
  ["lint with types", "oxlint", ["--type-aware", "-c", ".ci/oxlint.json", "mod.ts", "src", "cli", "tests"]],
  ["public docs", "deno", ["doc", "--lint", "mod.ts", "src/sim/sim.ts"]],
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

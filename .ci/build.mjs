// Builds dist/: the library and both command lines for Node (tsup), and the two executables (bun).
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { delimiter, join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };

function run(command, args) {
  const started = performance.now();
  const { status, error, stdout, stderr } = spawnSync(join(bin, command), args, { cwd: root, env, encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) {
    console.error(`${command} ${args.join(" ")}\n${stdout}${stderr}`);
    process.exit(status ?? 1);
  }
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

rmSync(join(root, "dist"), { recursive: true, force: true });
const common = ["--format", "esm", "--platform", "node", "--target", "node20", "--no-config", "--silent"];
// Both entry points at once, so that they share their common code: a KvError of one is a KvError of the other.
const entries = ["--entry.mod", "mod.ts", "--entry.sim", "src/sim/sim.ts"];
console.log(`library      dist/{mod,sim}.{js,d.ts}   ${run("tsup", [...entries, ...common, "--out-dir", "dist", "--dts"])}`);
const programs = [
  { name: "kvserver", entry: "cli/kvserver/main.ts", script: "cli", executable: "." },
  { name: "kvclient", entry: "cli/kvclient/main.ts", script: "cli", executable: "." },
  // The server with points at which it can be made to fail, for tests only: no package has it.
  { name: "kvserver", entry: "tests/e2e/nemesis/kvserver_with_faults.ts", script: "test", executable: "test" },
];
for (const { name, entry, script, executable } of programs) {
  const node = run("tsup", ["--entry." + name, entry, ...common, "--out-dir", `dist/${script}`, "--no-splitting"]);
  console.log(`for Node     dist/${script}/${name}.js`.padEnd(40) + node);
  const compiled = run("bun", [
    "build",
    "--compile",
    "--minify",
    "--sourcemap",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    entry,
    "--outfile",
    join("dist", executable, name),
  ]);
  console.log(`executable   ${join("dist", executable, name)}`.padEnd(40) + compiled);
}

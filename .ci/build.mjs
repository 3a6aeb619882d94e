// Builds dist/: the library and both command lines for Node (tsup), the two executables (bun), their manual pages and
// completions.
// usage: node .ci/build.mjs             everything
//        node .ci/build.mjs kvclient    that executable alone: dist/kvclient
//        node .ci/build.mjs both        both in one executable, for images: dist/both
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { compileArguments } from "./executable.mjs";

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

function compile(entry, outfile) {
  return run("bun", compileArguments(entry, outfile));
}

const only = process.argv[2];
if (only !== undefined) {
  if (!["kvserver", "kvclient", "both"].includes(only)) {
    console.error(`build.mjs: "${only}" is none of kvserver, kvclient, both`);
    process.exit(2);
  }
  console.log(`executable   dist/${only}   ${compile(`cli/${only}/main.ts`, join("dist", only))}`);
  process.exit(0);
}

rmSync(join(root, "dist"), { recursive: true, force: true });
const common = ["--format", "esm", "--platform", "node", "--target", "node20", "--no-config", "--silent"];
// The entry points of the package at once, so that they share their common code: a KvError of one is a KvError of the others.
const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
const entries = Object.entries(exports).flatMap(([subpath, source]) => [
  `--entry.${subpath === "." ? "mod" : subpath.slice("./".length)}`,
  source,
]);
console.log(`library      dist/*.{js,d.ts}`.padEnd(40) + run("tsup", [...entries, ...common, "--out-dir", "dist", "--dts"]));
const programs = [
  { name: "kvserver", entry: "cli/kvserver/main.ts", script: "cli", executable: "." },
  { name: "kvclient", entry: "cli/kvclient/main.ts", script: "cli", executable: "." },
  // The server with points at which it can be made to fail, for tests only: no package has it.
  { name: "kvserver", entry: "tests/e2e/nemesis/kvserver_with_faults.ts", script: "test", executable: "test" },
];
for (const { name, entry, script, executable } of programs) {
  const node = run("tsup", ["--entry." + name, entry, ...common, "--out-dir", `dist/${script}`, "--no-splitting"]);
  console.log(`for Node     dist/${script}/${name}.js`.padEnd(40) + node);
  const compiled = compile(entry, join("dist", executable, name));
  console.log(`executable   ${join("dist", executable, name)}`.padEnd(40) + compiled);
}

// What the programs write of themselves, where packages expect it.
function writtenBy(name, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist", "cli", `${name}.js`), ...args], {
    encoding: "utf8",
  });
  if (status === 0) return stdout;
  console.error(`${name} ${args.join(" ")}\n${stderr}`);
  process.exit(1);
}
for (const name of ["kvserver", "kvclient"]) {
  const files = [
    ["man", `${name}.1`, ["man"]],
    ["completions/bash", name, ["completions", "bash"]],
    ["completions/zsh", `_${name}`, ["completions", "zsh"]],
    ["completions/fish", `${name}.fish`, ["completions", "fish"]],
  ];
  for (const [folder, file, args] of files) {
    mkdirSync(join(root, "dist", folder), { recursive: true });
    writeFileSync(join(root, "dist", folder, file), writtenBy(name, ...args));
  }
}
console.log("pages        dist/man/*.1, dist/completions/{bash,zsh,fish}/*");

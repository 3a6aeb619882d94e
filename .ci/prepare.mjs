// Installs and builds what a bare clone lacks, and does next to nothing when it is there.
// usage: node .ci/prepare.mjs modules|executables
// Runs on any Node from 20 on, before anything is installed: built-in modules only.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const what = process.argv[2];
if (what !== "modules" && what !== "executables") {
  console.error(`prepare.mjs: "${what}" is neither "modules" nor "executables"`);
  process.exit(2);
}

function hashOf(paths) {
  const hash = createHash("sha256");
  const visit = (path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (name !== "node_modules") visit(join(path, name));
    } else {
      hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
    }
  };
  for (const path of paths) visit(join(root, path));
  return hash.digest("hex");
}

function stampIs(file, hash) {
  return existsSync(file) && readFileSync(file, "utf8") === hash;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const modulesStamp = join(root, "node_modules", ".kvpaxos-stamp");
const modulesHash = hashOf(["package.json", "package-lock.json", "compat"]);
if (!stampIs(modulesStamp, modulesHash)) {
  console.log("installing what package-lock.json names (npm ci)");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
  writeFileSync(modulesStamp, modulesHash);
}

if (what === "executables") {
  const buildStamp = join(root, "dist", ".stamp");
  const buildHash = hashOf(["package-lock.json", "mod.ts", "src", "cli", "compat", ".ci/build.mjs", ".ci/executable.mjs", "deno.json", "tests/e2e/nemesis"]);
  const library = ["mod", "client", "sim", "transport/tcp", "transport/http"].flatMap((name) => [`${name}.js`, `${name}.d.ts`]);
  const built = ["kvserver", "kvclient", "test/kvserver", ...library].every((name) => existsSync(join(root, "dist", name)));
  if (!built || !stampIs(buildStamp, buildHash)) {
    run("node", [".ci/build.mjs"]);
    writeFileSync(buildStamp, buildHash);
  }
}

// Releases what is committed: to npm with provenance, and to JSR.
// usage: node .ci/release.mjs            everything but the publishing: a dry run of it
//        node .ci/release.mjs versions   only whether one version stands everywhere
//        node .ci/release.mjs --publish  publishes; only there where an identity of the build can be had (CI with OIDC)
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}` };
const read = (path) => readFileSync(join(root, path), "utf8");

function fail(why) {
  console.error(`release: ${why}`);
  process.exit(1);
}

/** Runs a command, whose output is shown; anything but success ends the release. */
function run(command, ...args) {
  console.log(`\n$ ${[command, ...args].join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) fail(`${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ended with ${status}`);
}

function git(...args) {
  const { status, stdout, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) fail(`git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** The version, which must be the same in every place that names it. */
function commonVersion() {
  const found = {
    "package.json": JSON.parse(read("package.json")).version,
    "package-lock.json": JSON.parse(read("package-lock.json")).version,
    "deno.json": JSON.parse(read("deno.json")).version,
    "src/version.ts": /VERSION = "([^"]+)"/.exec(read("src/version.ts"))?.[1],
    "CHANGELOG.md": /^## (\S+)/m.exec(read("CHANGELOG.md"))?.[1],
  };
  const version = found["package.json"];
  const others = Object.entries(found).filter(([, its]) => its !== version);
  if (others.length > 0) {
    fail(`package.json has version ${version}, but ${others.map(([path, its]) => `${path} has ${its}`).join(", ")}`);
  }
  return version;
}

const [what = "--dry-run", ...rest] = process.argv.slice(2);
if (!["--dry-run", "--publish", "versions"].includes(what) || rest.length > 0) {
  console.error(`release.mjs: "${process.argv.slice(2).join(" ")}" is none of "versions", "--dry-run" and "--publish"`);
  process.exit(2);
}
const version = commonVersion();
console.log(`version ${version} in all places`);
if (what === "versions") process.exit(0);

const isDryRun = what === "--dry-run";
const changes = git("status", "--porcelain");
if (changes !== "") fail(`the tree has changes that are not committed:\n${changes}`);
// What only the real thing needs is said by the dry run, too.
const missing = [];
if (!new RegExp(`^## ${version.replaceAll(".", "\\.")} \\(\\d{4}-\\d{2}-\\d{2}\\)$`, "m").test(read("CHANGELOG.md"))) {
  missing.push(`a date in CHANGELOG.md: "## ${version} (YYYY-MM-DD)"`);
}
if (JSON.parse(read("package.json")).repository === undefined) {
  missing.push('"repository" in package.json: provenance names the repository that a package was built from');
}
if (!git("tag", "--points-at", "HEAD").split("\n").includes(`v${version}`)) missing.push(`the tag v${version} at HEAD`);
if (env.ACTIONS_ID_TOKEN_REQUEST_URL === undefined && env.SIGSTORE_ID_TOKEN === undefined) {
  missing.push("an identity of the build: run it in GitHub Actions with id-token: write, or GitLab CI with SIGSTORE_ID_TOKEN");
}
if (missing.length > 0) {
  const list = missing.map((each) => `  - ${each}`).join("\n");
  if (!isDryRun) fail(`not published, for lack of\n${list}`);
  console.log(`to publish, this is missing:\n${list}`);
}

run("node", ".ci/build.mjs");
run("node", ".ci/check.mjs");
run("npm", "publish", "--provenance", "--access", "public", ...(isDryRun ? ["--dry-run"] : []));
run("deno", "publish", ...(isDryRun ? ["--dry-run"] : []));
console.log(isDryRun ? `\nnothing was published; --publish would publish ${version}` : `\npublished ${version}`);

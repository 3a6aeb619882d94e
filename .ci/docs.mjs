// Builds docs/ as a site into dist/docs, or serves the pages while they are written: node .ci/docs.mjs [--serve].
// VitePress is fetched when it is needed, because it is as large as all other tools together.
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const vitepress = ["exec", "--yes", "--package", "vitepress@1.6.4", "--"];

const fetched = spawnSync("npm", [...vitepress, "node", "-e", ""], { cwd: root, encoding: "utf8" });
if (fetched.status !== 0) {
  console.log(`skipped: VitePress could not be fetched\n${fetched.error?.message ?? fetched.stderr.trim()}`);
  process.exit(0);
}
const isServing = process.argv[2] === "--serve";
const args = [...vitepress, "vitepress", isServing ? "dev" : "build", "docs"];
const { status, error } = spawnSync("npm", args, { cwd: root, stdio: "inherit" });
if (error !== undefined) throw error;
if (status === 0 && !isServing) cpSync(join(root, "docs/examples"), join(root, "dist/docs/examples"), { recursive: true });
process.exit(status ?? 1);

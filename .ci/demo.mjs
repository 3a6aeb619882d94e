// npm run demo: one durable server, the client demo over all four protocols, a kill -9 in the middle, a clean stop.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const kvserver = join(root, "dist", "kvserver");
const kvclient = join(root, "dist", "kvclient");
const folder = mkdtempSync(join(tmpdir(), "kvpaxos-demo-"));
const started = performance.now();
let server = null;

function say(text) {
  console.log(`\n== ${text}`);
}

/** A port P such that P and P + 1000 (HTTP) are free right now. */
async function freePort() {
  const listen = (port) =>
    new Promise((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(0));
      probe.listen(port, "127.0.0.1", () => {
        const { port: bound } = probe.address();
        probe.close(() => resolve(bound));
      });
    });
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = await listen(0);
    if (port > 1024 && port < 64_000 && (await listen(port + 1000)) !== 0) return port;
  }
  throw new Error("no two free ports found, 1000 apart");
}

/** Runs kvclient against the server; its output is the demo's. Exits when it fails. */
function client(...args) {
  const { status, stdout, stderr } = spawnSync(kvclient, ["--server", `127.0.0.1:${port}`, ...args], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder },
  });
  process.stdout.write(stdout);
  if (status !== 0) throw new Error(`kvclient ${args.join(" ")} ended with ${status}\n${stderr}`);
  return stdout;
}

async function startServer() {
  server = spawn(kvserver, ["--port", String(port), "--data-dir", join(folder, "data")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = new Promise((resolve) => server.once("exit", resolve));
  const deadline = performance.now() + 15_000;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`kvserver ended with ${server.exitCode} before it was ready`);
    const answer = await fetch(`http://127.0.0.1:${port + 1000}/readyz`).catch(() => null);
    if (answer?.status === 200) break;
    if (performance.now() > deadline) throw new Error("kvserver was not ready within 15 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { exited };
}

const port = await freePort();
let code = 0;
try {
  say(`Starting one server with its data on disk: kvserver --port ${port}`);
  const first = await startServer();
  for (const protocol of ["TCP", "UDP", "HTTP", "RPC"]) {
    say(`kvclient demo --protocol ${protocol}: 5 PUTs, 5 GETs and 5 DELETEs, every reply verified`);
    client("demo", "--protocol", protocol);
  }
  say("A write, then kill -9 of the server: what was acknowledged must be there after a restart");
  client("put", "survivor", "still here");
  server.kill("SIGKILL");
  await first.exited;
  const second = await startServer();
  const value = client("get", "survivor");
  if (!value.includes("still here")) throw new Error(`the server lost "survivor": it answered ${JSON.stringify(value)}`);
  say("It is. Stopping the server with SIGTERM");
  server.kill("SIGTERM");
  const status = await second.exited;
  if (status !== 0) throw new Error(`kvserver ended with ${status} after SIGTERM`);
  console.log(`\nThe demo passed in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(`\nThe demo FAILED: ${error.message}`);
  code = 1;
} finally {
  if (server !== null && server.exitCode === null) server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);

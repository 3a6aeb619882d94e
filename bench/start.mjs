// How long the built executable takes from its start to its first answers on an empty directory, and what an import of the
// built library adds to the start of Bun and Node, in turn, as medians.
// usage: node bench/start.mjs [--runs 20] [--skip start|import]
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../tests/support/free_ports.ts";
import { median } from "./support/table.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "20" }, skip: { type: "string" } } });
const root = resolve(import.meta.dirname, "..");
const runs = Number(values.runs);
const HTTP_PORT_OFFSET = 1000;
const POLL_MS = 1;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Milliseconds until a server on `port` answers PING. */
async function untilPong(port, since_ms) {
  for (;;) {
    const pong = await new Promise((done) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write("PING\r\n"));
      socket.once("data", (answer) => (done(String(answer) === "+PONG\r\n"), socket.destroy()));
      socket.once("error", () => done(false));
    });
    if (pong) return performance.now() - since_ms;
    await wait(POLL_MS);
  }
}

/** Milliseconds until a server says that it is ready. */
async function untilReady(port, since_ms) {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return performance.now() - since_ms;
    await wait(POLL_MS);
  }
}

async function start(program) {
  const folder = mkdtempSync(join(root, ".bench", "start-"));
  const [port] = await freePorts(1);
  const since_ms = performance.now();
  const [command, ...args] = [
    ...program,
    "--port",
    `${port}`,
    "--data-dir",
    join(folder, "data"),
    "--log-level",
    "error",
  ];
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  try {
    const answers = Promise.all([untilPong(port, since_ms), untilReady(port + HTTP_PORT_OFFSET, since_ms)]);
    const first = await Promise.race([answers, ended.then(() => null)]);
    if (first === null) throw new Error(`${program.join(" ")} ended before it answered`);
    return first;
  } finally {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds from the start of a runtime until the module is there, as the process itself sees it. */
function load(runtime, file) {
  return new Promise((done, fail) => {
    const child = spawn(join(root, "node_modules", ".bin", runtime), [file], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => output += chunk);
    child.once("error", fail);
    child.once("close", (code) => code === 0 ? done(Number(output)) : fail(new Error(`${runtime} ${file}: ${code}`)));
  });
}

const shown = (all) => `${median(all).toFixed(1)} (${Math.min(...all).toFixed(1)}–${Math.max(...all).toFixed(1)})`;
mkdirSync(join(root, ".bench"), { recursive: true });
if (values.skip !== "start") {
  const programs = {
    executable: [join(root, "dist/kvserver")],
    Node: [process.execPath, join(root, "dist/cli/kvserver.js")],
  };
  const figures = Object.fromEntries(Object.keys(programs).map((name) => [name, { pong: [], ready: [] }]));
  for (let run = 0; run <= runs; run++) {
    for (const [name, program] of Object.entries(programs)) {
      const [pong, ready] = await start(program);
      // The first run brings the files into the system's cache.
      if (run > 0) (figures[name].pong.push(pong), figures[name].ready.push(ready));
    }
  }
  console.log(
    `| start to the first answer on an empty directory, ms, ${runs} runs | PING | /readyz |\n|---|---:|---:|`,
  );
  for (const [name, { pong, ready }] of Object.entries(figures)) {
    console.log(`| ${name} | ${shown(pong)} | ${shown(ready)} |`);
  }
}
if (values.skip !== "import") {
  const folder = mkdtempSync(join(root, ".bench", "import-"));
  const modules = { empty: null, ".": "mod.js", "./client": "client.js", "./sim": "sim.js" };
  for (const [name, module] of Object.entries(modules)) {
    const text = module === null ? "" : `import ${JSON.stringify(join(root, "dist", module))};\n`;
    // Since the process began, both on Bun and on Node.
    writeFileSync(join(folder, `${name.replaceAll(/\W/g, "_")}.mjs`), `${text}console.log(performance.now());\n`);
  }
  const names = Object.keys(modules);
  const figures = { bun: new Map(names.map((name) => [name, []])), node: new Map(names.map((name) => [name, []])) };
  for (let run = 0; run <= runs; run++) {
    for (const runtime of ["bun", "node"]) {
      for (const name of run % 2 === 0 ? names : names.toReversed()) {
        const taken_ms = await load(runtime, join(folder, `${name.replaceAll(/\W/g, "_")}.mjs`));
        if (run > 0) figures[runtime].get(name).push(taken_ms);
      }
    }
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`| an import, ms more than an empty module, ${runs} runs | Bun | Node |\n|---|---:|---:|`);
  const more = (runtime, name) =>
    figures[runtime].get(name).map((taken, i) => taken - figures[runtime].get("empty")[i]);
  for (const name of names.slice(1)) {
    console.log(`| \`${name}\` | ${shown(more("bun", name))} | ${shown(more("node", name))} |`);
  }
  console.log(`the empty module: Bun ${shown(figures.bun.get("empty"))}, Node ${shown(figures.node.get("empty"))}`);
}

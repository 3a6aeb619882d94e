// The REST door beside a bare Hono "hello" on Bun: GET of a 256-byte value by wrk, in turn, round after round; prints the
// medians and the median of the per-round ratios.
// usage: node bench/beside_hono.mjs [--rounds 5] [--seconds 3] [--clients 64] [--kvserver dist/kvserver]
// Needs wrk and, in the PATH, bun.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, median, withProcess, wrk } from "./support/load.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    clients: { type: "string", default: "64" },
    kvserver: { type: "string", default: "dist/kvserver" },
  },
});
const root = new URL("..", import.meta.url).pathname;
const folder = join(root, ".bench", "beside_hono");
mkdirSync(folder, { recursive: true });
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const hello = join(folder, "hello.mjs");
writeFileSync(
  hello,
  `import { Hono } from "hono";
const app = new Hono();
app.get("/", (c) => c.text("hello"));
Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), fetch: app.fetch });
`,
);

async function measure(name) {
  const port = await freePort();
  const [path, command] = name === "hono" ? ["/", ["bun", hello, `${port}`]] : ["/v1/kv/k", [
    ...values.kvserver.split(" "),
    ...["--port", `${await freePort()}`, "--http-port", `${port}`, "--memory", "--log-level", "error"],
  ]];
  const url = `http://127.0.0.1:${port}${path}`;
  return await withProcess(command, url, async (pid) => {
    if (name !== "hono") await fetch(url, { method: "PUT", body: "x".repeat(256) });
    const args = ["-t1", `-c${values.clients}`, url];
    wrk(pid, ["-d1s", ...args]);
    return wrk(pid, [`-d${values.seconds}s`, ...args]);
  });
}

const all = { kvpaxos: [], hono: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of round % 2 === 0 ? ["kvpaxos", "hono"] : ["hono", "kvpaxos"]) all[name].push(await measure(name));
}
const ratios = all.kvpaxos.map(({ rate }, round) => rate / all.hono[round].rate);
console.log("| | requests/s | CPU µs/request |\n|---|---|---|");
for (const [name, rows] of Object.entries(all)) {
  const rate = Math.round(median(rows.map((row) => row.rate))).toLocaleString("en");
  console.log(`| ${name} | ${rate} | ${median(rows.map((row) => row.cpu_us)).toFixed(1)} |`);
}
const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
console.log(`ratio ${median(ratios).toFixed(2)} (${range}), ${values.rounds} rounds`);

// Keeps so many callers of one KVClient busy, each with one operation at a time, and prints how many operations a second
// that makes and what processor time each takes, as JSON. The first half second is not counted: the compiler is at work.
// usage: bun client_load.mjs LIBRARY PORT set|get CALLERS VALUE_BYTES KEYS DURATION_MS
import { pathToFileURL } from "node:url";

const WARM_UP_MS = 500;
const [library, port, operation, callers, size, keys, duration_ms] = process.argv.slice(2);
const { connect } = await import(pathToFileURL(library).href);
const client = connect({ servers: `127.0.0.1:${port}` });
// As redis-benchmark names them with -r.
const names = Array.from({ length: Number(keys) }, (_, i) => `key:${String(i).padStart(12, "0")}`);
const value = new Uint8Array(Number(size)).fill(120);
let done = 0;
let running = true;

async function caller() {
  while (running) {
    const key = names[Math.floor(Math.random() * names.length)];
    if (operation === "set") await client.put(key, value);
    else await client.get(key);
    done++;
  }
}

const all = Promise.all(Array.from({ length: Number(callers) }, caller));
await new Promise((wait) => setTimeout(wait, WARM_UP_MS));
const [begun, since_ms, cpu] = [done, performance.now(), process.cpuUsage()];
await new Promise((wait) => setTimeout(wait, Number(duration_ms)));
const operations = done - begun;
const { user, system } = process.cpuUsage(cpu);
const rate_per_s = operations / (performance.now() - since_ms) * 1000;
running = false;
await all;
await client.close();
console.log(JSON.stringify({ rate_per_s, processor_us: (user + system) / operations }));

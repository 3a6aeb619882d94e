/**
 * Configuration that programs follow as it changes: what is there first, then every change after it, none missed and
 * none twice, because the watch begins at the revision behind the one that was read.
 *
 * Prints:
 * at first: {"level":"info"}
 * put app/log: {"level":"debug"}
 * put app/limits: {"perMinute":100}
 * delete app/log
 * an older revision was not overwritten
 */
import { startServer } from "@x/kvpaxos";
import { connect, jsonCodec } from "@x/kvpaxos/client";

// A store in this process, to have the example in one file; elsewhere connect to the addresses of a cluster.
const store = await startServer({ port: 0, httpPort: 0, dataDir: null });
const client = connect({ servers: [store.addresses.tcp], codec: jsonCodec<Record<string, unknown>>() });

const { revision } = await client.put("app/log", { level: "info" });
console.log("at first:", JSON.stringify((await client.get("app/log"))?.value));

const changes = client.watch({ prefix: "app/", fromRevision: revision + 1 });

await client.put("app/log", { level: "debug" });
await client.put("app/limits", { perMinute: 100 });
await client.delete("app/log");

let seen = 0;
for await (const { type, key, entry } of changes) {
  console.log(type === "put" ? `put ${key}: ${JSON.stringify(entry.value)}` : `${type} ${key}`);
  if (++seen === 3) break;
}

// Two people edit: only who has seen the latest revision may write.
const before = await client.get("app/limits");
await client.put("app/limits", { perMinute: 200 });
const { swapped } = await client.compareAndSet("app/limits", { modRevision: before?.modRevision ?? 0 }, {
  perMinute: 50,
});
if (!swapped) console.log("an older revision was not overwritten");

await client.close();
await store.close();

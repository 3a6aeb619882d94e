// npm run demo:2pc: five replicas under two-phase commit, used through each of them; one is killed, and writes wait for it.
import { runDemo, say, seconds, until } from "./demo_cluster.mjs";

/** The one that is killed. */
const VICTIM = 2;

await runDemo(["--replication", "2pc"], async (cluster) => {
  const { addresses, ids } = cluster;
  const others = ids.filter((index) => index !== VICTIM);
  await cluster.begin("There is no leader: whoever takes a write asks all the others, and needs a yes from each:");

  say("What one replica takes, all five have: a write through the first, then a read of each replica by itself");
  cluster.show(addresses[0], "put", "city", "Bern");
  const readAll = (of, key) => of.map((index) => cluster.client(addresses[index], "get", key));
  for (const [at, value] of readAll(ids, "city").entries()) {
    console.log(`${addresses[at]} reads: ${JSON.stringify(value)}`);
    if (value !== "Bern") throw new Error("a replica does not have what was acknowledged");
  }

  say(`kill -9 of ${addresses[VICTIM]}: two-phase commit needs every replica, so this is what it costs`);
  await cluster.kill(VICTIM);
  const refused = performance.now();
  const url = `http://127.0.0.1:${cluster.ports[0] + 1000}/v1/kv/city`;
  const response = await fetch(url, { method: "PUT", body: "Basel" });
  const { detail } = await response.json();
  console.log(
    `PUT ${url} was refused after ${seconds(refused)}, and says who is missing:\n  ${response.status}: ${detail}`,
  );
  if (response.status !== 503) throw new Error(`the write was answered with ${response.status}, not 503`);
  if (!detail.includes(`replica ${VICTIM + 1}`)) throw new Error("the error does not name the replica that is missing");
  for (const [at, value] of readAll(others, "city").entries()) {
    console.log(`${addresses[others[at]]} still reads: ${JSON.stringify(value)}`);
    if (value !== "Bern") throw new Error("a write that was refused changed something");
  }
  await until("all the others know who is missing", async () => {
    const pages = await Promise.all(others.map((index) => cluster.status(index)));
    return pages.every(({ replication }) => replication.twoPhase.missing.includes(VICTIM));
  });
  console.log("");
  cluster.show(addresses[0], "status");
  console.log("(Under Paxos, npm run demo, four of five would have gone on writing.)");

  say(`Starting ${addresses[VICTIM]} again: it reads its log, asks how its open transactions ended, and writes go on`);
  const restarted = performance.now();
  cluster.start(VICTIM);
  await Promise.all(ids.map((index) => cluster.ready(index)));
  cluster.show(addresses[0], "put", "city", "Basel");
  console.log(`That write was taken ${seconds(restarted)} after the restart.`);
  await until("nothing is in doubt", async () => {
    const pages = await Promise.all(ids.map((index) => cluster.status(index)));
    return pages.every(({ replication }) => replication.twoPhase.inDoubtCount === 0);
  });
  const values = readAll(ids, "city");
  console.log(`All five read: ${values.map((value) => JSON.stringify(value)).join(", ")}`);
  if (values.some((value) => value !== "Basel")) throw new Error("the replicas do not agree");
  const revisions = await Promise.all(ids.map(async (index) => (await cluster.status(index)).store.revision));
  if (new Set(revisions).size !== 1) throw new Error(`the replicas are at revisions ${revisions.join(", ")}`);
  console.log(`All five are at revision ${revisions[0]}.\n`);
  cluster.show(addresses[0], "status");
});

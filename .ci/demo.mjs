// npm run demo: five replicas under Multi-Paxos, used through each of them; the leader is killed, and they go on.
import { runDemo, say, seconds, until } from "./demo_cluster.mjs";

await runDemo([], async (cluster) => {
  const { addresses, ids } = cluster;
  const place = async (index) => (await cluster.status(index)).replication.cluster;
  await cluster.begin("They have agreed on a leader; clients may talk to any of them:");

  let leader = null;
  await until("there was a leader", async () => {
    leader = (await place(0)).leader;
    return leader !== null;
  });
  const others = ids.filter((index) => index !== leader);
  say(`A write through the leader (${addresses[leader]}), then kill -9 of it: what was acknowledged must not be lost`);
  cluster.show(addresses[leader], "put", "survivor", "still here");
  await cluster.kill(leader);
  const killed = performance.now();
  cluster.show(addresses[others[0]], "put", "after", "written without the old leader");
  console.log(`The others chose a new leader and took that write ${seconds(killed)} after the kill.`);
  for (const index of others) {
    const values = ["survivor", "after"].map((key) => cluster.client(addresses[index], "get", key));
    console.log(`${addresses[index]} reads: ${values.map((value) => JSON.stringify(value)).join(", ")}`);
    if (values.join() !== "still here,written without the old leader") throw new Error("a write was lost");
  }

  say(`Starting ${addresses[leader]} again: it reads its log and catches up with the others`);
  cluster.start(leader);
  await cluster.ready(leader);
  await until("it has caught up", async () => {
    const [its, theirs] = [await place(leader), await place(others[0])];
    return its.appliedSlot >= theirs.chosenSlot;
  });
  const value = cluster.client(addresses[leader], "get", "after");
  console.log(`${addresses[leader]} reads: ${JSON.stringify(value)}\n`);
  if (value !== "written without the old leader") throw new Error("the restarted replica did not catch up");
  cluster.show(addresses[leader], "status");
});

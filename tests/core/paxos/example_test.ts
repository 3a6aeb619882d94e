import { expect, test } from "vitest";
import { createMemoryTransports } from "../../../src/adapters/memory_transport.ts";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import { systemRandom } from "../../../src/adapters/system_random.ts";
import { Paxos } from "../../../src/core/paxos/paxos.ts";
import { MemoryLog } from "../../../src/log/memory_log.ts";
import { Counter, sumOf } from "../../support/counter.ts";

test("a machine of one's own runs on three replicas in this process", async () => {
  const replicas = createMemoryTransports(3).map((transport, id) =>
    new Paxos({
      id,
      replicas: 3,
      transport,
      log: new MemoryLog({ clock: systemClock, random: systemRandom }),
      clock: systemClock,
      random: systemRandom,
      stateMachine: new Counter(),
      // A busy machine may take its time to elect a leader.
      times: { patience_ms: 25_000, outcome_ms: 25_000 },
    })
  );
  await Promise.all(replicas.map((replica) => replica.start()));

  // Whichever replica is asked, there is one counter.
  expect(sumOf(await replicas[0]!.submit(new Uint8Array([3])))).toBe(3);
  expect(sumOf(await replicas[1]!.submit(new Uint8Array([4])))).toBe(7);
  expect(sumOf(await replicas[2]!.read(new Uint8Array()))).toBe(7);

  // Two of three are enough.
  await replicas[0]!.close();
  expect(sumOf(await replicas[1]!.submit(new Uint8Array([5])))).toBe(12);
  expect(sumOf(await replicas[2]!.read(new Uint8Array()))).toBe(12);
  await Promise.all(replicas.slice(1).map((replica) => replica.close()));
});

test("a replica that is closed before it was started lets go of its transport and its log", async () => {
  let isClosed = false;
  const log = new MemoryLog({ clock: systemClock, random: systemRandom });
  const replica = new Paxos({
    id: 0,
    replicas: 3,
    transport: { listen: () => {}, send: () => {}, status: () => [], close: () => void (isClosed = true) },
    log,
    clock: systemClock,
    random: systemRandom,
    stateMachine: new Counter(),
  });
  await replica.close();
  expect(isClosed).toBe(true);
  expect(() => log.append(new Uint8Array(1))).toThrow("closed");
});

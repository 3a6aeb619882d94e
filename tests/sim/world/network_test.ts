import { describe, expect, test } from "vitest";
import { Network } from "../../../src/sim/world/network.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { SimTransport } from "../../../src/sim/world/sim_transport.ts";
import { StreamEnd } from "../../../src/sim/world/stream.ts";
import { Trace } from "../../../src/sim/world/trace.ts";
import { ProcessClock, VirtualTime } from "../../../src/sim/world/virtual_time.ts";

class World {
  readonly time = new VirtualTime();
  readonly counts: Record<string, number> = {};
  readonly network: Network;

  constructor(replicas = 3, seed = 1) {
    this.network = new Network({
      time: this.time,
      trace: new Trace(() => this.time.now_us),
      random: new SimRandom(seed),
      replicas,
      count: (kind) => void (this.counts[kind] = (this.counts[kind] ?? 0) + 1),
    });
  }

  run(until_ms = Number.POSITIVE_INFINITY): void {
    while (this.time.step(until_ms * 1000));
    if (until_ms !== Number.POSITIVE_INFINITY) this.time.advanceTo(until_ms * 1000);
  }

  /** Sends `count` messages that may get lost; returns which arrived, in order. */
  loose(count: number, from = 0, to = 1): number[] {
    const seen: number[] = [];
    for (let i = 0; i < count; i++) this.network.sendLoose(from, to, "test", i, () => void seen.push(i));
    this.run();
    return seen;
  }
}

/** Two joined ends; what each of them hears. */
function streams(world: World, clock = new ProcessClock(world.time)): {
  a: StreamEnd<number>;
  b: StreamEnd<number>;
  heard: { a: (number | string)[]; b: (number | string)[] };
} {
  const heard = { a: [] as (number | string)[], b: [] as (number | string)[] };
  const owner = (name: "a" | "b"): ConstructorParameters<typeof StreamEnd<number>>[2] => ({
    run: (turn) => clock.run(turn),
    onMessage: (message) => void heard[name].push(message),
    onBroken: (reason) => void heard[name].push(reason),
  });
  const a = new StreamEnd(0, world.network, owner("a"));
  const b = new StreamEnd(1, world.network, owner("b"));
  StreamEnd.join(a, b);
  return { a, b, heard };
}

const inOrder = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("loose messages", () => {
  test("all arrive once while the network is calm", () => {
    expect(new World().loose(100).sort((a, b) => a - b)).toEqual(inOrder(100));
  });

  test("get lost, repeated and overtaken in bad weather", () => {
    const world = new World();
    world.network.weather = { loss: 0, duplication: 0, jitter_us: 10_000, straggling: 0.1 };
    Object.assign(world.network.link(0, 1), { loss: 0.3, duplication: 0.5 });
    const seen = world.loose(1000);
    const distinct = new Set(seen).size;
    expect(distinct).toBeGreaterThan(700);
    expect(distinct).toBeLessThan(900);
    expect(seen.length).toBeGreaterThan(distinct + 100);
    expect(seen.some((message, index) => index > 0 && message < seen[index - 1]!)).toBe(true);
    for (const kind of ["loss", "duplication", "delay"]) expect(world.counts[kind]).toBeGreaterThan(50);
  });

  test("do not pass a cut, in the direction that is cut", () => {
    const world = new World();
    world.network.cut((from) => from === 0);
    expect(world.loose(5, 0, 1)).toEqual([]);
    expect(world.loose(5, 1, 0)).toHaveLength(5);
    world.network.heal();
    expect(world.loose(5, 0, 1)).toHaveLength(5);
  });

  test("wait for the end of a clog", () => {
    const world = new World();
    world.network.link(0, 1).cloggedUntil_us = 50_000;
    expect(world.loose(3)).toHaveLength(3);
    expect(world.time.now_us).toBeGreaterThanOrEqual(50_000);
  });

  test("meet links that are what the seed says, in whichever order they are used", () => {
    const weather = { loss: 0.3, duplication: 0.5, jitter_us: 5000, straggling: 0.1 };
    const one = new World();
    const other = new World();
    one.network.weather = weather;
    other.network.weather = weather;
    one.network.link(0, 2);
    expect(one.network.link(0, 1)).toEqual(other.network.link(0, 1));
    expect(one.network.link(0, 1)).not.toEqual({ ...one.network.link(1, 0), from: 0, to: 1 });
  });

  test("are delivered or dropped by hand when a scenario holds them", () => {
    const world = new World();
    const seen: string[] = [];
    world.network.hold(true);
    for (const name of ["a", "b", "c"]) world.network.sendLoose(0, 1, name, 0, () => void seen.push(name));
    world.run();
    expect(seen).toEqual([]);
    world.network.held[1]!.deliver();
    world.network.held[0]!.drop();
    world.network.hold(false);
    world.run();
    expect(seen).toEqual(["b", "c"]);
  });
});

describe("a connection", () => {
  test("delivers everything once and in order, however bad the weather", () => {
    const world = new World();
    world.network.weather = { loss: 0, duplication: 0, jitter_us: 20_000, straggling: 0.2 };
    Object.assign(world.network.link(0, 1), { loss: 0.3, duplication: 0.5 });
    const { a, heard } = streams(world);
    for (const i of inOrder(300)) a.send(i, "test", i);
    world.run();
    expect(heard.b).toEqual(inOrder(300));
    expect(world.counts["loss"]).toBeGreaterThan(50);
  });

  test("survives a short partition and loses nothing by it", () => {
    const world = new World();
    const { a, heard } = streams(world);
    a.send(0, "test", 0);
    world.run(10);
    world.network.cut(() => true);
    for (const i of [1, 2, 3]) a.send(i, "test", i);
    world.run(1000);
    expect(heard.b).toEqual([0]);
    a.send(4, "test", 4);
    world.network.cut((from) => from === 1);
    world.run();
    expect(heard.b).toEqual(inOrder(5));
  });

  test("breaks when nothing gets through for long, at the sender first", () => {
    const world = new World();
    const { a, b, heard } = streams(world);
    world.network.cut((from) => from === 0);
    a.send(1, "test", 1);
    world.run(5000);
    expect(heard).toEqual({ a: ["nothing got through for too long"], b: [] });
    expect([a.isOpen, b.isOpen]).toEqual([false, true]);
    world.run();
    expect(heard.b).toEqual(["connection reset"]);
  });

  test("tells the other end at once when a process dies, and late when its machine does", () => {
    const [killed, crashed] = [new World(), new World()].map((world, index) => {
      const { a, heard } = streams(world);
      a.send(1, "test", 1);
      a.die(index === 1);
      world.run(100);
      return { world, heard };
    });
    expect(killed!.heard.b).toEqual([1, "connection reset"]);
    expect(crashed!.heard.b).toEqual([1]);
    crashed!.world.run();
    expect(crashed!.heard.b).toEqual([1, "the other end is gone"]);
  });

  test("delivers what was sent before it was closed", () => {
    const world = new World();
    const { a, heard } = streams(world);
    a.send(1, "test", 1);
    a.close();
    a.send(2, "test", 2);
    world.run();
    expect(heard).toEqual({ a: [], b: [1, "the other end closed the connection"] });
  });

  test("feeds a slow receiver one message after the other", () => {
    const world = new World();
    world.network.link(0, 1).slow_us = 10_000;
    const { a, heard } = streams(world);
    for (const i of inOrder(10)) a.send(i, "test", i);
    world.run(50);
    expect(heard.b.length).toBeGreaterThan(2);
    expect(heard.b.length).toBeLessThan(7);
    expect(a.underway).toBe(10 - heard.b.length);
  });

  test("is closed without harm before its ends are joined", () => {
    const world = new World();
    const end = new StreamEnd<number>(0, world.network, { run: () => {}, onMessage: () => {}, onBroken: () => {} });
    end.close();
    world.run();
    expect(end.isOpen).toBe(false);
  });
});

describe("the transport between replicas", () => {
  function transports(world: World): { clocks: ProcessClock[]; all: SimTransport[]; seen: string[] } {
    const seen: string[] = [];
    const clocks = [0, 1, 2].map(() => new ProcessClock(world.time));
    const all: SimTransport[] = clocks.map((clock, id) =>
      new SimTransport({ id, network: world.network, clock, find: (peer) => all[peer] ?? null, onFrame: () => {} })
    );
    all.forEach((transport, id) =>
      transport.listen({ onMessage: (from, body) => void seen.push(`${from}→${id} ${body.join()}`) })
    );
    return { clocks, all, seen };
  }

  test("carries frames to the replica that is meant, copied when they are sent", () => {
    const world = new World();
    const { all, seen } = transports(world);
    const body = new Uint8Array([1, 2]);
    all[0]!.send(2, body);
    body.fill(9);
    all[2]!.send(1, body);
    world.run();
    expect(seen.sort()).toEqual(["0→2 1,2", "2→1 9,9"]);
  });

  test("drops what is sent to one that has died or closed, and by one that has", () => {
    const world = new World();
    const { all, clocks, seen } = transports(world);
    clocks[1]!.kill();
    all[2]!.close();
    all[0]!.send(1, new Uint8Array(1));
    all[0]!.send(2, new Uint8Array(1));
    all[2]!.send(0, new Uint8Array(1));
    all[1]!.send(0, new Uint8Array(1));
    world.run();
    expect(seen).toEqual([]);
  });

  test("refuses a receiver that there is not", () => {
    const { all } = transports(new World());
    expect(() => all[0]!.send(0, new Uint8Array(1))).toThrow("replica 0 cannot send to 0");
    expect(() => all[0]!.send(3, new Uint8Array(1))).toThrow("replica 0 cannot send to 3");
  });
});

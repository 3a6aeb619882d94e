import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KVClient } from "../../src/client/kv_client.ts";
import { SESSION_WINDOW } from "../../src/client/session.ts";
import { KvError, OutcomeUnknown } from "../../src/core/errors.ts";
import type { Once, OpenSession } from "../../src/core/kv/command.ts";
import { decodeCommand } from "../../src/core/kv/command_codec.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import { encodeResult } from "../../src/core/kv/result_codec.ts";
import { FakeNetwork } from "../support/fake_network.ts";

function onces(network: FakeNetwork): Once[] {
  return network.commands("once") as Once[];
}

function sessionOf({ session, incarnation }: Once): Pick<Once, "session" | "incarnation"> {
  return { session, incarnation };
}

/** Increments one key many times; returns how many were acknowledged and how many are unknown. */
async function incrementAll(network: FakeNetwork, client: KVClient, count: number): Promise<[number, number]> {
  let acknowledged = 0;
  let unknown = 0;
  const each = Array.from(
    { length: count },
    () =>
      client.increment("n").then(() => acknowledged++, (error: unknown) => {
        if (error instanceof OutcomeUnknown) unknown++;
        else if (!(error instanceof KvError)) throw error;
      }),
  );
  await network.until(Promise.all(each), 600_000);
  return [acknowledged, unknown];
}

function total(network: FakeNetwork): number {
  const entry = network.store.entry("n" as never);
  return entry === undefined ? 0 : Number(new TextDecoder().decode(entry.value));
}

describe("writes", () => {
  test("open one session, before the first of them", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.get("a"));
    expect(network.commands("openSession")).toEqual([]);
    await network.until(Promise.all([client.increment("a"), client.increment("a"), client.increment("a")]));
    expect(network.commands().map(({ type }) => type)).toEqual(["get", "openSession", "once", "once", "once"]);
    const [first, ...others] = onces(network);
    expect(first!.session).toHaveLength(16);
    for (const other of others) expect(other.session).toBe(first!.session);
    expect(onces(network).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  test("are all handed to the connection in the turn in which they are issued", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("a"));
    const before = network.seen.length;
    for (let i = 0; i < 100; i++) void client.increment("a");
    network.clock.run();
    expect(network.seen.length - before).toBe(100);
    await network.tick();
    expect(client.status().pending).toBe(0);
  });

  test("acknowledge every sequence below the lowest without a result", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    for (let i = 0; i < 3; i++) await network.until(client.increment("a"));
    expect(onces(network).map(({ acknowledged }) => acknowledged)).toEqual([1, 2, 3]);
    network.fate = (command) => command.type === "once" && command.sequence === 4 ? "swallow" : "serve";
    const stuck = client.increment("a");
    await network.until(client.increment("a"));
    await network.until(client.increment("a"));
    expect(onces(network).at(-1)).toMatchObject({ sequence: 6, acknowledged: 4 });
    network.fate = () => "serve";
    network.breakAll();
    await network.until(stuck);
    await network.until(client.increment("a"));
    expect(onces(network).at(-1)).toMatchObject({ sequence: 7, acknowledged: 7 });
    expect(total(network)).toBe(0);
  });

  test("never run further ahead of an unanswered one than the session allows", async () => {
    const network = new FakeNetwork();
    const client = network.client({ deadline_ms: 600_000, silence_ms: 600_000 });
    network.fate = (command) => command.type === "once" && command.sequence === 1 ? "swallow" : "serve";
    const all = Array.from({ length: 1500 }, () => client.increment("n"));
    await network.pass(5);
    expect(Math.max(...onces(network).map(({ sequence }) => sequence))).toBe(SESSION_WINDOW);
    network.fate = () => "serve";
    network.breakAll();
    const sums = await network.until(Promise.all(all));
    expect(new Set(sums).size).toBe(1500);
    expect(total(network)).toBe(1500);
    for (const { sequence, acknowledged } of onces(network)) {
      expect(sequence - acknowledged).toBeLessThan(SESSION_WINDOW);
    }
  });

  test("are sent again under the same sequence when the connection breaks, and applied once", async () => {
    for (const fate of ["breakBefore", "breakAfter"] as const) {
      const network = new FakeNetwork();
      const client = network.client();
      await network.until(client.increment("n"));
      let broken = 0;
      network.fate = (command) => command.type === "once" && broken++ < 3 ? fate : "serve";
      expect(await network.until(client.increment("n"))).toBe(2n);
      const sequences = onces(network).map(({ sequence }) => sequence);
      expect(sequences).toEqual([1, 2, 2, 2, 2]);
      expect(total(network)).toBe(2);
    }
  });

  test("keep their order when the connection breaks", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    let seen = 0;
    network.fate = (command) => command.type === "once" && ++seen === 5 ? "breakBefore" : "serve";
    const sums = await network.until(Promise.all(Array.from({ length: 20 }, () => client.increment("n"))));
    expect(sums).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)));
  });

  test("go on under a new session when the first copy meets a server that does not know theirs", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("n"));
    network.store = new KVStore();
    const sums = await network.until(Promise.all([client.increment("n"), client.increment("n")]));
    expect(sums).toEqual([1n, 2n]);
    expect(new Set(onces(network).map(({ session }) => session)).size).toBe(2);
    expect(onces(network).at(-1)).toMatchObject({ sequence: 2 });
  });

  test("are unknown when a copy was sent before the session was forgotten", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("n"));
    let once = 0;
    network.fate = (command) => {
      if (command.type !== "once" || once++ > 0) return "serve";
      network.store = new KVStore();
      return "breakBefore";
    };
    const error = await network.failure(client.increment("n"));
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error.cause).toMatchObject({ code: "SESSION_UNKNOWN" });
    expect(await network.until(client.increment("n"))).toBe(1n);
  });

  test("stay unknown when a late copy of the opening has opened the forgotten session again", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("n"));
    const opening = network.commands("openSession")[0] as OpenSession;
    let once = 0;
    network.fate = (command) => {
      if (command.type !== "once" || once++ > 0) return "serve";
      // The write is executed and its answer lost; then the session is forgotten, and the late copy comes.
      network.clock.after(1, () => {
        network.store.execute({ type: "closeSession", session: opening.session }, 0);
        network.store.execute(opening, 0);
        network.breakAll();
      });
      return "mute";
    };
    const unknown = client.increment("n");
    const error = await network.failure(unknown);
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error.cause).toMatchObject({ code: "SESSION_UNKNOWN" });
    expect(once).toBe(2);
    expect(total(network)).toBe(2);
    expect(await network.until(client.increment("n"))).toBe(3n);
    const [first, ...others] = onces(network);
    expect(onces(network).map(({ sequence }) => sequence)).toEqual([1, 2, 2, 1]);
    for (const other of others.slice(0, 2)) expect(other).toMatchObject(sessionOf(first!));
    expect(others[2]!.session).not.toBe(first!.session);
  });

  test("are of the incarnation that the answer to the opening named, also when the session is gone by then", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    let opened = 0;
    network.fate = (command) => {
      if (command.type !== "openSession") return "serve";
      // After the first opening is executed, and before its answer is there, the session is opened anew.
      if (opened++ === 0) {
        network.clock.defer(() => {
          network.store.execute({ type: "closeSession", session: command.session }, 0);
          network.store.execute(command, 0);
        });
      }
      return "serve";
    };
    expect(await network.until(client.increment("n"))).toBe(1n);
    expect(onces(network).map(({ incarnation }) => incarnation)).toEqual([1, 3]);
    expect(new Set(onces(network).map(({ session }) => session)).size).toBe(2);
  });

  test("wait for an opening that names an incarnation", async () => {
    for (const answer of [{ type: "done", revision: 0 }, { type: "session", revision: 0, incarnation: 0 }] as const) {
      const network = new FakeNetwork();
      const client = network.client();
      const apply = network.store.apply.bind(network.store);
      let wrong = 0;
      network.store.apply = (bytes, time) => {
        const isWrong = decodeCommand(bytes).type === "openSession" && wrong++ < 3;
        return isWrong ? encodeResult(answer) : apply(bytes, time);
      };
      expect(await network.until(client.increment("n"))).toBe(1n);
      expect(network.commands("openSession")).toHaveLength(4);
    }
  });

  test("are tried again when the server knows no outcome, and get the one true result", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    let refused = 0;
    network.fate = (command) => command.type === "once" && refused++ < 2 ? "OUTCOME_UNKNOWN" : "serve";
    expect(await network.until(client.increment("n"))).toBe(1n);
    network.fate = (command) => command.type === "once" ? "OUTCOME_UNKNOWN" : "serve";
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
  });

  test("that only read in a transaction need no session", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.txn({ then: [{ type: "get", key: "a" }] }));
    expect(network.commands().map(({ type }) => type)).toEqual(["txn"]);
  });

  test("whose reply does not fit are unknown: they may have been done", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    network.fate = (command) => command.type === "once" ? "MESSAGE_TOO_LARGE" : "serve";
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
    network.fate = () => "MESSAGE_TOO_LARGE";
    expect((await network.failure(client.get("n"))).code).toBe("MESSAGE_TOO_LARGE");
  });

  test("get the session opened again when its opening is lost or refused", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const fates = ["breakBefore", "breakAfter", "UNAVAILABLE", "serve"] as const;
    let at = 0;
    network.fate = (command) => command.type === "openSession" ? fates[at++]! : "serve";
    const sums = await network.until(Promise.all([client.increment("n"), client.increment("n")]));
    expect(new Set(sums)).toEqual(new Set([1n, 2n]));
    expect(new Set(network.commands("openSession").map((command) => "session" in command && command.session)).size)
      .toBe(1);
  });

  test("fail at once when the opening of the session is refused for good", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    network.fate = (command) => command.type === "openSession" ? "UNAUTHENTICATED" : "serve";
    const errors = await Promise.all([1, 2].map(() => network.failure(client.increment("n"), 10)));
    expect(errors.map(({ code }) => code)).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
    expect(await network.until(client.get("n"))).toBeNull();
  });
});

describe("increments over datagrams", () => {
  test("end exact, whatever is lost, repeated, late or out of order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 0, max: 40 }), async (seed, loss) => {
        const network = new FakeNetwork(2, seed);
        network.reliable = false;
        network.maxInFlight = 16;
        network.weather = { loss: loss / 100, duplication: 0.5, maxDelay_ms: 80 };
        const client = network.client({ deadline_ms: 300_000 });
        const [acknowledged, unknown] = await incrementAll(network, client, 60);
        expect([acknowledged, unknown, total(network)]).toEqual([60, 0, 60]);
      }),
      { numRuns: 25 },
    );
  });

  test("are unknown when a copy was sent again and the session is gone", async () => {
    const network = new FakeNetwork();
    network.reliable = false;
    const client = network.client();
    await network.until(client.increment("n"));
    let copies = 0;
    network.fate = (command) => {
      if (command.type !== "once" || ++copies !== 1) return "serve";
      // Executed, and then everything is forgotten, before the second copy comes.
      network.clock.after(1, () => void (network.store = new KVStore()));
      return "mute";
    };
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
    expect(copies).toBe(2);
  });

  test("are unknown when the network repeats a copy and the session is forgotten before the second", async () => {
    const network = new FakeNetwork();
    network.reliable = false;
    const client = network.client();
    await network.until(client.increment("n"));
    let copies = 0;
    network.fate = (command) => {
      if (command.type !== "once" || copies++ > 0) return "serve";
      // One copy is executed, its answer lost, and the session forgotten; the other is the one that is answered.
      network.store.execute(command, 0);
      network.store.execute({ type: "closeSession", session: command.session }, 0);
      return "serve";
    };
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
    expect(total(network)).toBe(2);
  });

  test("resend under the same id, with growing waits", async () => {
    const network = new FakeNetwork();
    network.reliable = false;
    const client = network.client({ silence_ms: 60_000 });
    await network.until(client.increment("n"));
    network.fate = () => "swallow";
    const error = await network.failure(client.increment("n"));
    expect(error).toBeInstanceOf(OutcomeUnknown);
    const times = network.seen.slice(2).map(({ at }) => at);
    const waits = times.slice(1).map((at, i) => at - times[i]!);
    expect(waits.length).toBeGreaterThanOrEqual(4);
    expect(waits[0]).toBeGreaterThanOrEqual(75);
    expect(waits[0]).toBeLessThanOrEqual(126);
    for (let i = 1; i < waits.length; i++) expect(waits[i]! / waits[i - 1]!).toBeGreaterThan(1.1);
  });
});

describe("increments while everything breaks", () => {
  test("are each applied once, and those acknowledged surely are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, forget) => {
        const network = new FakeNetwork(3, seed);
        const { random } = network;
        let calm = false;
        let lost = 0;
        network.fate = () => {
          if (calm) return "serve";
          const draw = random.next();
          if (draw < 0.04) return "breakBefore";
          if (draw < 0.08) return "breakAfter";
          if (draw < 0.12) return "UNAVAILABLE";
          if (draw < 0.14) return "mute";
          if (draw < 0.16) return "swallow";
          if (draw < 0.18) return "OUTCOME_UNKNOWN";
          if (draw < 0.19) return "garbage";
          if (forget && draw < 0.195) {
            // A server without a disk comes back empty.
            lost += total(network);
            network.store = new KVStore();
          }
          return "serve";
        };
        const client = network.client({ deadline_ms: 20_000, silence_ms: 300 });
        const work = incrementAll(network, client, 150);
        await network.pass(2000);
        calm = true;
        const [acknowledged, unknown] = await work;
        const applied = total(network) + lost;
        expect(applied).toBeGreaterThanOrEqual(acknowledged);
        expect(applied).toBeLessThanOrEqual(acknowledged + unknown);
        if (!forget) expect([acknowledged, unknown]).toEqual([150, 0]);
        expect(client.status()).toMatchObject({ pending: 0, inFlight: 0 });
      }),
      { numRuns: 40 },
    );
  });
});

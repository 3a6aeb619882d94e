/**
 * What every Replication promises the front doors, whatever is below it.
 *
 * @module
 */
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import { bytesToText, textToBytes } from "../../src/codec/bytes.ts";
import type { KvError } from "../../src/core/errors.ts";
import type { Replication } from "../../src/core/replication.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import type { Log } from "../../src/ports/log.ts";
import { ListMachine } from "../support/paxos_cluster.ts";

/** One replica: its protocol over a log and a machine. */
export interface Member {
  readonly log: Log;
  readonly machine: ListMachine;
}

/** How the replicas of a protocol are made. They are not started. */
export type MakeReplicas = (members: readonly Member[]) => readonly Replication[];

const NOTHING = new Uint8Array(0);

/** Calls `propose` and gives how it ends. */
function proposed(replica: Replication, line: string): Promise<{ error: KvError | null; result: string }> {
  return new Promise((done) => {
    replica.propose(textToBytes(line), (error, result) => done({ error, result: bytesToText(result) }));
  });
}

/** What a replica's machine holds, behind a barrier. */
async function linesOf(replica: Replication): Promise<string> {
  return bytesToText(await replica.read(NOTHING));
}

/** The suite, for a protocol with so many replicas. */
export function replicationContract(name: string, count: number, make: MakeReplicas): void {
  async function start(): Promise<{ replicas: readonly Replication[]; members: readonly Member[] }> {
    const members = Array.from({ length: count }, () => ({
      log: new MemoryLog({ clock: systemClock, random: systemRandom }),
      machine: new ListMachine(),
    }));
    const replicas = make(members);
    onTestFinished(async () => {
      await Promise.all(replicas.map((replica) => replica.close()));
    });
    await Promise.all(replicas.map((replica) => replica.start()));
    return { replicas, members };
  }

  describe(`replication by ${name}`, () => {
    test("shows on every replica what was acknowledged by any", async () => {
      const { replicas } = await start();
      for (const [id, replica] of replicas.entries()) {
        const { error } = await proposed(replica, `line${id}`);
        expect(error).toBe(null);
        for (const other of replicas) expect(await linesOf(other)).toContain(`line${id}`);
      }
    });

    test("gives each command its own result, once, and not before propose has returned", async () => {
      const [replica] = (await start()).replicas;
      let hasReturned = false;
      const ends: string[] = [];
      await new Promise<void>((done) => {
        for (const line of ["a", "b", "c"]) {
          replica!.propose(textToBytes(line), (error, result) => {
            expect([error, hasReturned]).toEqual([null, true]);
            ends.push(bytesToText(result));
            if (ends.length === 3) done();
          });
        }
        hasReturned = true;
      });
      await linesOf(replica!);
      expect(ends).toEqual(["1:a", "2:b", "3:c"]);
    });

    test("applies what one caller proposes in its order, the same on every replica", async () => {
      const { replicas, members } = await start();
      const lines = Array.from({ length: 200 }, (_, index) => `n${index}`);
      const ends = await Promise.all(lines.map((line) => proposed(replicas.at(-1)!, line)));
      expect(ends.filter(({ error }) => error !== null)).toEqual([]);
      await Promise.all(replicas.map(linesOf));
      for (const { machine } of members) expect(machine.lines).toEqual(lines);
    });

    test("copies what it is given", async () => {
      const [replica] = (await start()).replicas;
      const bytes = textToBytes("kept");
      const end = new Promise<string>((done) => {
        replica!.propose(bytes, (_, result) => done(bytesToText(result)));
      });
      bytes.fill(88);
      expect(await end).toBe("1:kept");
    });

    test("says what it is and how much it has done", async () => {
      const { replicas } = await start();
      await proposed(replicas[0]!, "a");
      await Promise.all(replicas.map(linesOf));
      for (const replica of replicas) {
        const { state, reason, applied, pending } = replica.status();
        expect([state, reason, applied, pending]).toEqual(["serving", null, 1, 0]);
      }
    });

    test("finishes at its close what it has accepted, and then takes no more", async () => {
      const { replicas } = await start();
      const [replica, ...others] = replicas;
      await proposed(replica!, "first");
      const ends = ["a", "b"].map((line) => proposed(replica!, line));
      await replica!.close();
      expect((await Promise.all(ends)).map(({ error }) => error)).toEqual([null, null]);
      const late = await proposed(replica!, "late");
      expect([late.error?.retryable, replica!.status().state]).toEqual([true, "closed"]);
      await expect(replica!.read(NOTHING)).rejects.toMatchObject({ retryable: true });
      await Promise.all(others.map((other) => other.close()));
    });
  });
}

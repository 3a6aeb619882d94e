import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { type AcceptedEntry, MESSAGE, type PromiseReply } from "../../../src/core/paxos/messages.ts";
import { PhaseOne } from "../../../src/core/paxos/phase_one.ts";
import { hasVote } from "../../../src/core/paxos/quorum.ts";

const BALLOT = makeBallot(100, 0);

function part(from: number, to: number, entries: readonly AcceptedEntry[], chosen = 0): PromiseReply {
  return { type: MESSAGE.promise, ballot: BALLOT, tag: 0, chosen, from, to, entries };
}

function entry(slot: number, round: number, value: number): AcceptedEntry {
  return { slot, ballot: makeBallot(round, 1), value: new Uint8Array([value]) };
}

/** An acceptor: its watermark, and what it has accepted above by slot. */
const acceptors = fc.array(
  fc.record({
    chosen: fc.nat(10),
    entries: fc.uniqueArray(
      fc.record({ slot: fc.integer({ min: 1, max: 20 }), round: fc.integer({ min: 1, max: 9 }) }),
      {
        selector: ({ slot }) => slot,
      },
    ),
    cuts: fc.uniqueArray(fc.integer({ min: 2, max: 20 }), { maxLength: 4 }),
  }),
  { minLength: 5, maxLength: 5 },
);

describe("phase 1", () => {
  test("counts an acceptor when the parts tell of every slot above its watermark, however they come", () => {
    fc.assert(fc.property(
      acceptors,
      fc.array(fc.record({ of: fc.nat(4), number: fc.nat(4) }), { maxLength: 60 }),
      (all, order) => {
        const parts = all.map(({ chosen, entries, cuts }) => {
          const told = entries.filter(({ slot }) => slot > chosen).map(({ slot, round }) => entry(slot, round, round));
          const ends = [...cuts.filter((cut) => cut > chosen + 1).toSorted((a, b) => a - b), 0];
          return ends.map((to, i) => {
            const from = i === 0 ? chosen + 1 : ends[i - 1]!;
            return part(from, to, told.filter(({ slot }) => slot >= from && (to === 0 || slot < to)), chosen);
          });
        });
        const phase = new PhaseOne(BALLOT, 5, 0);
        const came = all.map(() => new Set<number>());
        for (const { of, number } of order) {
          const index = number % parts[of]!.length;
          phase.onPromise(of, parts[of]![index]!);
          came[of]!.add(index);
        }
        const whole = all.map((_, i) => came[i]!.size === parts[i]!.length);
        for (const [i, isWhole] of whole.entries()) expect(hasVote(phase.votes, i)).toBe(isWhole);
        expect(phase.isComplete).toBe(whole.filter(Boolean).length >= 3);
        // P2c, for the majority and for whoever else was heard in part.
        for (let slot = phase.watermark + 1; slot <= 20; slot++) {
          const rounds = parts.flatMap((ofOne, i) => ofOne.filter((_, j) => came[i]!.has(j)))
            .flatMap(({ entries }) => entries).filter((each) => each.slot === slot).map(({ value }) => value[0]!);
          expect(phase.value(slot)?.[0]).toBe(rounds.length === 0 ? undefined : Math.max(...rounds));
          if (rounds.length > 0) expect(phase.lastSlot).toBeGreaterThanOrEqual(slot);
        }
        expect(phase.watermark).toBe(Math.max(0, ...all.map(({ chosen }, i) => came[i]!.size > 0 ? chosen : 0)));
      },
    ));
  });

  test("does not count a promise whose middle part was lost", () => {
    const phase = new PhaseOne(BALLOT, 1, 0);
    phase.onPromise(0, part(1, 5, []));
    phase.onPromise(0, part(9, 0, []));
    expect(phase.isComplete).toBe(false);
    phase.onPromise(0, part(5, 9, []));
    expect(phase.isComplete).toBe(true);
  });

  test("takes a repetition that was cut at other slots, because the watermark has moved", () => {
    const phase = new PhaseOne(BALLOT, 1, 0);
    phase.onPromise(0, part(1, 5, [entry(3, 1, 1)]));
    phase.onPromise(0, part(8, 0, [], 7));
    expect([phase.isComplete, phase.watermark]).toEqual([true, 7]);
  });

  test("waits for no report of what the proposer knew, and begins no lower", () => {
    const phase = new PhaseOne(BALLOT, 3, 5);
    phase.onPromise(0, part(6, 0, [entry(7, 1, 1)], 2));
    phase.onPromise(1, part(4, 0, [], 3));
    expect([phase.isComplete, phase.watermark, phase.watermarkFrom]).toEqual([true, 5, null]);
    phase.onPromise(2, part(10, 0, [], 9));
    expect([phase.watermark, phase.watermarkFrom]).toEqual([9, 2]);
  });

  test("hears nothing of another attempt", () => {
    const phase = new PhaseOne(BALLOT, 1, 0);
    phase.onPromise(0, { ...part(1, 0, [entry(1, 3, 3)], 5), ballot: BALLOT - 256 });
    expect([phase.isComplete, phase.value(1), phase.watermark]).toEqual([false, null, 0]);
  });

  test("takes the value of the highest ballot, not of the latest promise", () => {
    const phase = new PhaseOne(BALLOT, 3, 0);
    phase.onPromise(0, part(1, 0, [entry(1, 7, 7)]));
    phase.onPromise(1, part(1, 0, [entry(1, 3, 3)]));
    expect(phase.value(1)).toEqual(new Uint8Array([7]));
  });

  test("keeps no view of a frame", () => {
    const phase = new PhaseOne(BALLOT, 1, 0);
    const told = entry(1, 7, 7);
    phase.onPromise(0, part(1, 0, [told]));
    told.value.fill(0xee);
    expect(phase.value(1)).toEqual(new Uint8Array([7]));
  });
});

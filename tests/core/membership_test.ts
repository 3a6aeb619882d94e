import { describe, expect, test } from "vitest";
import { Membership, tagOf } from "../../src/core/membership.ts";
import { MESSAGE, type Message } from "../../src/core/paxos/messages.ts";
import { witnessesOf } from "../../src/core/paxos/quorum.ts";
import { RECORD } from "../../src/core/paxos/records.ts";
import { SlotLog } from "../../src/core/paxos/slot_log.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { HeldLog } from "../support/paxos_log.ts";

const OWN = new Uint8Array(16).fill(1);
const OTHER = new Uint8Array(16).fill(2);
const NEW = new Uint8Array(16).fill(3);

function make(replicas = 5): {
  clock: ManualClock;
  log: HeldLog;
  slots: SlotLog;
  said: { to: number; message: Message }[];
  membership: Membership;
} {
  const clock = new ManualClock();
  const log = new HeldLog(clock, OWN);
  const slots = new SlotLog(log, 1000);
  const said: { to: number; message: Message }[] = [];
  const membership = new Membership(slots.facts, 0, {
    id: 0,
    replicas,
    identity: OWN,
    witnesses: witnessesOf(replicas),
    notePeer: (replica, identity) => slots.append({ type: RECORD.peer, replica, identity }),
    noteJoined: () => slots.append({ type: RECORD.joined }),
    send: (to, message) => void said.push({ to, message }),
    retry_ms: 300,
  });
  log.listen({ onDurable: (position) => membership.onDurable(position), onFailure: () => {} });
  return { clock, log, slots, said, membership };
}

describe("membership", () => {
  test("begins when so many others know this replica that one of them would remember, durably", () => {
    const { clock, log, slots, membership } = make();
    const welcome = { type: MESSAGE.welcome, identity: OWN, isKnown: true } as const;
    membership.onWelcome(1, welcome);
    membership.onWelcome(1, welcome);
    membership.onWelcome(2, welcome);
    membership.onWelcome(4, { ...welcome, identity: OTHER });
    clock.run();
    expect([membership.mayVote, membership.unmet]).toEqual([false, [3, 4]]);
    log.isHeld = true;
    membership.onWelcome(3, welcome);
    clock.run();
    expect(membership.mayVote).toBe(false);
    log.release();
    clock.run();
    expect([membership.mayVote, slots.facts.isJoined]).toEqual([true, true]);
  });

  test("never begins for a log that is not the one remembered", () => {
    const { clock, membership } = make(3);
    for (const from of [1, 2]) {
      membership.onWelcome(from, { type: MESSAGE.welcome, identity: OWN, isKnown: from === 1 });
    }
    clock.run();
    expect([membership.mayVote, membership.refusedBy]).toEqual([false, 2]);
  });

  test("counts no vote before the identity behind it is noted durably, and none of another identity", () => {
    const { clock, log, said, membership } = make();
    log.isHeld = true;
    membership.onHello(1, { type: MESSAGE.hello, identity: OTHER });
    membership.onHello(1, { type: MESSAGE.hello, identity: OTHER });
    clock.run();
    expect([membership.isKnown(1, tagOf(OTHER)), said]).toEqual([false, []]);
    log.release();
    clock.run();
    expect(membership.isKnown(1, tagOf(OTHER))).toBe(true);
    membership.onHello(1, { type: MESSAGE.hello, identity: NEW });
    expect([membership.isKnown(1, tagOf(NEW)), membership.isKnown(1, tagOf(OTHER))]).toEqual([false, true]);
    expect(said.map(({ message }) => message)).toEqual([
      { type: MESSAGE.welcome, identity: OTHER, isKnown: true },
      { type: MESSAGE.welcome, identity: NEW, isKnown: false },
    ]);
  });

  test("keeps no view of the frame in which an identity came", () => {
    const { clock, membership } = make();
    const identity = OTHER.slice();
    membership.onHello(1, { type: MESSAGE.hello, identity });
    identity.fill(0xee);
    clock.run();
    expect(membership.isKnown(1, tagOf(OTHER))).toBe(true);
  });
});

/**
 * Deliberate bugs in how Multi-Paxos reads and leads.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { DUELS, STORM } from "./profiles.ts";

const ROUNDS = "src/core/paxos/read_rounds.ts";
const READS = "src/core/paxos/reads.ts";
const PROPOSER = "src/core/paxos/proposer.ts";
const ELECTION = "src/core/paxos/election.ts";

/** Pitfalls 19 to 22. */
export const READ_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a leader reads its own state without asking anybody",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    patches: [{
      file: "src/core/paxos/paxos.ts",
      find: "this.#reads.add(done, this.#clock.monotonic());",
      replace: `if (this.#node?.roles.proposer?.isEstablished === true) return done(null);
    this.#reads.add(done, this.#clock.monotonic());`,
    }],
  },
  {
    name: "a read is answered before its round",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    patches: [{
      file: PROPOSER,
      find: "this.#rounds.add({ from, life, id, slot: this.#chosen });",
      replace: "this.#options.send(from, { type: MESSAGE.readReply, life, id, slot: this.#chosen });",
    }],
  },
  {
    name: "a read joins the round under way",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "confirms no read by a round that began before it came",
    patches: [{
      file: ROUNDS,
      find: "this.#next.push(read);",
      replace: "(this.#isConfirmed ? this.#next : this.#current).push(read);",
    }],
  },
  {
    name: "all rounds have one number",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    patches: [{ file: ROUNDS, find: "this.#round++;", replace: "this.#round = 1;" }],
  },
  {
    name: "a read joins the request under way",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no read join a request that was sent before it came",
    patches: [{
      file: READS,
      find: "this.#gathering ??= { waiting: [], since: now, id: 0, slot: -1 };",
      replace: `if (this.#asked !== null) return void this.#asked.waiting.push(done);
    this.#gathering ??= { waiting: [], since: now, id: 0, slot: -1 };`,
    }],
  },
  {
    name: "the answer to an earlier read confirms a later one",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "takes the late answer to an earlier read for no answer to a later one",
    patches: [{
      file: READS,
      find: "if (asked === null || id < asked.id || id > this.#lastId) return;",
      replace: "if (asked === null) return;",
    }],
  },
  {
    name: "a leader is confirmed by those who promised another",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    patches: [{
      file: "src/core/paxos/acceptor.ts",
      find: "if (ballot < this.#promised) return this.#refuse(from, ballot);\n    this.#slackOf = ballot;",
      replace: "this.#slackOf = ballot;",
    }],
  },
  {
    name: "a read is served before its slot is applied",
    pitfalls: "19",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    patches: [{
      file: READS,
      find: "this.#confirmed[0]!.slot <= applied",
      replace: "applied >= 0",
    }],
  },
  {
    name: "a new leader serves before a slot of its own is chosen",
    pitfalls: "20",
    run: { replicas: 3, ops: 300, faults: DUELS },
    scenario: "answers no read before a new leader knows all that the one before has acknowledged",
    patches: [{
      file: PROPOSER,
      find: "return this.isLeading && this.#chosen >= this.#firstOwnSlot;",
      replace: "return this.isLeading;",
    }],
  },
  {
    name: "keys expire outside the log",
    pitfalls: "21",
    run: { replicas: 3, ops: 150, faults: "light", workloads: ["ttl"] },
    patches: [{
      file: "src/core/housekeeping.ts",
      find: "this.#isProposed = true;",
      replace: "this.#machine.apply(command, this.#clock.now());\n    this.#isProposed = true;",
    }],
  },
  {
    name: "every replica proposes the end of keys",
    pitfalls: "21",
    run: { replicas: 3, ops: 150, faults: STORM },
    open: "presumably no bug: what is proposed twice goes through the log, and changes nothing the second time",
    patches: [{
      file: "src/core/paxos/paxos.ts",
      find: "this.#housekeeping.turn(leader === this.#options.id);",
      replace: "this.#housekeeping.turn(true);",
    }],
  },
  {
    name: "elections have no jitter",
    pitfalls: "22",
    run: { replicas: 5, ops: 150, faults: DUELS },
    open: "no progress lost that was seen; the pre-vote lets a duel end",
    patches: [
      { file: ELECTION, find: "now + options.timeout_ms * options.random.next()", replace: "now + options.timeout_ms" },
      { file: ELECTION, find: "now + least_ms * (1 + this.#options.random.next())", replace: "now + least_ms" },
    ],
  },
  {
    name: "elections have neither jitter nor patience",
    pitfalls: "22",
    run: { replicas: 5, ops: 150, faults: DUELS },
    open: "not attributed: it fails scenarios by their timing",
    patches: [
      { file: ELECTION, find: "now + options.timeout_ms * options.random.next()", replace: "now + options.timeout_ms" },
      { file: ELECTION, find: "now + least_ms * (1 + this.#options.random.next())", replace: "now + 0.004 * least_ms" },
      { file: ELECTION, find: " && !this.#isLeaderAlive(now);", replace: ";" },
    ],
  },
  {
    name: "a leader without a majority goes on",
    pitfalls: "22",
    run: { replicas: 5, ops: 150, faults: DUELS },
    scenario: "goes on with the one replica that sees a majority (Omni-Paxos: quorum loss)",
    patches: [{ file: PROPOSER, find: "if (!hasMajority(heard, replicas)) return this.#stop();", replace: "" }],
  },
];

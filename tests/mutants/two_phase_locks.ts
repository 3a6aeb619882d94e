/**
 * Deliberate bugs in how two-phase commit orders transactions, locks and reads.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { DUELS, STORM } from "./profiles.ts";

const COORDINATOR = "src/core/two_phase_commit/coordinator.ts";
const PARTICIPANT = "src/core/two_phase_commit/participant.ts";
const NODE = "src/core/two_phase_commit/node.ts";
const BARRIERS = "src/core/two_phase_commit/read_barriers.ts";
const CLOCK = "src/core/two_phase_commit/hybrid_clock.ts";

/** Pitfalls 21, 22, 24 and 31. */
export const LOCK_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "nobody gives way",
    pitfalls: "22",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets two coordinators write one key, each of which has got a lock that the other one needs",
    patches: [{
      file: PARTICIPANT,
      find: "this.#options.send(holder.id.coordinator, { type: MESSAGE.wound, id: holder.id });",
      replace: "",
    }],
  },
  {
    name: "the older gives way as well as the younger",
    pitfalls: "22",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets three coordinators write one key, each of which waits for the next one",
    patches: [{ file: PARTICIPANT, find: " || compareAges(entry.age, holder.age) >= 0", replace: "" }],
  },
  {
    name: "what is decided gives way",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets nobody take back what is decided, be it ever so old",
    patches: [{
      file: COORDINATOR,
      find: 'if (transaction.phase !== "voting") return;',
      replace: 'if (transaction.phase !== "voting" && message.type !== MESSAGE.wound) return;',
    }],
  },
  {
    name: "every transaction locks every key",
    pitfalls: "22",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets independent keys share their way to the disk",
    patches: [
      {
        file: PARTICIPANT,
        find: "conflicts: conflictsOfAll(decodeGroup(commands), (command) => machine.conflicts?.(command) ?? null),",
        replace: "conflicts: null,",
      },
    ],
  },
  {
    name: "a transaction locks the keys of its first command only",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    open:
      "not found by seeds, where few commands come in one turn; tests/core/two_phase_commit/groups_test.ts finds it",
    patches: [{
      file: PARTICIPANT,
      find: "conflictsOfAll(decodeGroup(commands), ",
      replace: "conflictsOfAll(decodeGroup(commands).slice(0, 1), ",
    }],
  },
  {
    name: "locks are given to whoever asks",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "has two transactions in doubt when it comes back, and their locks",
    patches: [{
      file: "src/core/two_phase_commit/lock_table.ts",
      find: "if (!isClaimed(owner) && this",
      replace: "if (!isClaimed(owner) || this",
    }],
  },
  {
    name: "a read does not wait for what is prepared",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets a read of what is prepared wait at every replica",
    patches: [{ file: PARTICIPANT, find: "this.#barriers.read(keys, now, done);", replace: "done(null);" }],
  },
  {
    name: "a read does not wait until what is decided is applied",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets a read wait until what is decided is applied",
    patches: [{
      file: PARTICIPANT,
      find: "entry.timestamp = timestamp;",
      replace: "entry.timestamp = timestamp;\n    this.#barriers.remove(entry);",
    }],
  },
  {
    name: "a read waits for everything that is prepared",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets a read of one key go on while another one is in doubt",
    patches: [{
      file: PARTICIPANT,
      find: "this.#barriers.read(keys, now, done);",
      replace: "this.#barriers.read(null, now, done);",
    }],
  },
  {
    name: "a read of one key does not wait for what concerns every key",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    open: "not found by seeds, where no workload deletes ranges; tests/core/two_phase_commit/reads_test.ts finds it",
    patches: [{ file: BARRIERS, find: "return firstUpTo(last, this.#whole);", replace: "return null;" }],
  },
  {
    name: "a read of a key that expires waits for that key only",
    pitfalls: "31",
    run: { replicas: 3, ops: 200, faults: DUELS, workloads: ["ttl"] },
    patches: [{ file: BARRIERS, find: " && this.#isTimed(barrier.keys)", replace: " && barrier.keys.length > 99" }],
  },
  {
    name: "the clock does not mind what it hears",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "commits nothing before what it has already applied, though the clocks differ",
    patches: [{
      file: CLOCK,
      find: "if (time > this.#latest) this.#latest = time;",
      replace: "if (time < 0) this.#latest = time;",
    }],
  },
  {
    name: "a snapshot lacks the clock",
    pitfalls: "16, 31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "commits nothing before what only its snapshot tells of",
    patches: [{ file: NODE, find: "this.#order.observe(clock);", replace: "" }],
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
    name: "a write is done again when it is sent again",
    pitfalls: "24",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "does once what its client sends again through another replica",
    patches: [{
      file: "src/core/kv/session_table.ts",
      find: "if (kept.fingerprint === fingerprint) return kept;",
      replace: "return session;",
    }],
  },
];

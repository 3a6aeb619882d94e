/**
 * Deliberate bugs in how participants of two-phase commit vote, wait and commit.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { CRASHES, STORM } from "./profiles.ts";

const PARTICIPANT = "src/core/two_phase_commit/participant.ts";
const NODE = "src/core/two_phase_commit/node.ts";

/** Pitfalls 27, 28 and 30. */
export const VOTE_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a vote leaves before it is durable",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "votes when its vote is durable, and not before",
    patches: [{
      file: PARTICIPANT,
      find: "entry.isDurable = false;",
      replace: "entry.isDurable = false;\n    if (record.type === RECORD.vote) this.#vote(record);",
    }],
  },
  {
    name: "the coordinator does not write its own vote",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "carries out a decision that was durable when it died, though nobody had heard of it",
    patches: [{ file: NODE, find: "void this.#withNext.push(record)", replace: "void record" }],
  },
  {
    name: "the coordinator writes its own vote after those that it has given later",
    pitfalls: "27, 31",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    patches: [{
      file: NODE,
      find: "for (const early of this.#withNext.splice(0))",
      replace: "for (const early of record.type === RECORD.decision ? this.#withNext.splice(0) : [])",
    }],
  },
  {
    name: "a commit is acknowledged before it is durable",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "answers its client when every replica has committed durably, and not before",
    patches: [{
      file: PARTICIPANT,
      find: "entry.isDurable = false;",
      replace: "entry.isDurable = false;\n    if (record.type === RECORD.commit) this.#acknowledge(record.id);",
    }],
  },
  {
    name: "a participant in doubt aborts when it has waited for long",
    pitfalls: "28",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "carries out a decision that was durable when it died, though nobody had heard of it",
    patches: [{
      file: PARTICIPANT,
      find: "if (entry.isReported ||",
      replace: "if (now - entry.since > 2000) this.#onAbort(entry.id);\n      if (entry.isReported ||",
    }],
  },
  {
    name: "a participant in doubt commits when it has waited for long",
    pitfalls: "28",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "aborts what it had not decided when it died",
    patches: [{
      file: PARTICIPANT,
      find: "if (entry.isReported ||",
      replace: "if (now - entry.since > 2000) this.#onGo(entry.id, entry.proposal);\n      if (entry.isReported ||",
    }],
  },
  {
    name: "who does not know an outcome says that it was an abort",
    pitfalls: "28",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "asks again for a vote that was lost",
    patches: [{
      file: PARTICIPANT,
      find: "?.timestamp || this.#over.get(key);",
      replace: "?.timestamp || (this.#over.get(key) ?? 0);",
    }],
  },
  {
    name: "a replica that came back without its log speaks, and is heard",
    pitfalls: "10",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "lets no replica vote, or say that it has committed, that came back without its log",
    patches: [
      { file: NODE, find: "else if (isKnown && this.membership.mayVote) this", replace: "else this" },
      { file: NODE, find: "isPersonal || this.membership.mayVote", replace: "isPersonal || true" },
    ],
  },
  {
    name: "a snapshot lacks the identities of the others",
    pitfalls: "10, 16",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "knows the log of another replica when only its snapshot tells of it",
    patches: [{
      file: NODE,
      find: "for (const [replica, identity] of identities) members",
      replace: "for (const [replica, identity] of []) members",
    }],
  },
  {
    name: "a snapshot lacks that the replica may vote",
    pitfalls: "16",
    run: { replicas: 3, ops: 150, faults: STORM },
    open: "presumably no bug: the others remember its log, and let it vote again",
    patches: [{ file: NODE, find: "if (isJoined) members", replace: "if (!isJoined) members" }],
  },
  {
    name: "locks are not taken again after a restart",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "has two transactions in doubt when it comes back, and their locks",
    patches: [{ file: PARTICIPANT, find: "this.#locks.take(entry);", replace: "" }],
  },
  {
    name: "a prepare that comes after the abort is voted for",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "takes no locks for a prepare that comes after its abort",
    patches: [{ file: PARTICIPANT, find: "if (this.#over.has(key)) return;\n    const", replace: "const" }],
  },
  {
    name: "what was committed is committed again when its prepare comes again",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "commits nothing twice when a prepare comes again after a restart",
    patches: [{ file: PARTICIPANT, find: " || timestamp < entry.proposal", replace: "" }],
  },
  {
    name: "a snapshot lacks what is in doubt",
    pitfalls: "16, 30",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "is in doubt about what only its snapshot tells of",
    patches: [{
      file: PARTICIPANT,
      find: "of this.#prepared.values()) {\n      yield",
      replace: "of []) {\n      yield",
    }],
  },
  {
    name: "transactions are applied before those that may have to come first",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "applies what concerns different keys in one order, however the decisions come",
    patches: [{ file: PARTICIPANT, find: "return isBefore(head, first.proposal, first);", replace: "return true;" }],
  },
  {
    name: "transactions are applied in the order in which their decisions come",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "applies what concerns different keys in one order, however the decisions come",
    patches: [
      { file: PARTICIPANT, find: "return isBefore(head, first.proposal, first);", replace: "return true;" },
      {
        file: PARTICIPANT,
        find: "while (at > 0 && isBefore(entry, timestamp, this.#committed[at - 1]!)) at--;",
        replace: "",
      },
    ],
  },
  {
    name: "what is decided is not put in its place among what was decided before",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "applies what concerns different keys in one order, however the decisions come",
    patches: [{
      file: PARTICIPANT,
      find: "while (at > 0 && isBefore(entry, timestamp, this.#committed[at - 1]!)) at--;",
      replace: "",
    }],
  },
  {
    name: "a transaction is applied before its commit is durable",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    open: "presumably no bug: the decision is durable, and after a restart its reads wait for it",
    patches: [{ file: PARTICIPANT, find: "if (!head.isDurable) return false;", replace: "" }],
  },
];

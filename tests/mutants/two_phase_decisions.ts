/**
 * Deliberate bugs in how coordinators of two-phase commit count, decide, remember and answer.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { CRASHES, STORM } from "./profiles.ts";

const COORDINATOR = "src/core/two_phase_commit/coordinator.ts";

/** Pitfalls 25, 27, 29 and 30. */
export const DECISION_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a decision leaves before it is durable",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "says nothing of a decision before that is durable, and has not made it when it dies until then",
    patches: [{
      file: COORDINATOR,
      find: "this.#deciding.push(transaction);",
      replace: 'transaction.phase = "going";\n    this.#resendGo(transaction, 0);',
    }],
  },
  {
    name: "a majority of votes is enough",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "asks again for a vote that was lost",
    patches: [{
      file: COORDINATOR,
      find: "if (transaction.votes.size < this.#options.replicas) return;",
      replace: "if (transaction.votes.size <= this.#options.replicas / 2) return;",
    }],
  },
  {
    name: "the vote of one replica counts as often as it comes",
    pitfalls: "4",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "counts the vote of a replica once, however often it comes",
    patches: [{
      file: COORDINATOR,
      find: "transaction.votes.set(from, proposal);",
      replace: "transaction.votes.set(transaction.votes.has(from) ? 99 + transaction.votes.size : from, proposal);",
    }],
  },
  {
    name: "votes of an earlier try count",
    pitfalls: "9",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "does not count for the second try who has voted in the first",
    patches: [{ file: COORDINATOR, find: "transaction.votes = new Map();", replace: "" }],
  },
  {
    name: "a transaction is committed at the time that its coordinator proposed",
    pitfalls: "31",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "applies what concerns different keys in one order, however the decisions come",
    patches: [{
      file: COORDINATOR,
      find: "Math.max(...transaction.votes.values())",
      replace: "transaction.votes.get(this.#options.id) ?? 0",
    }],
  },
  {
    name: "a transaction that its coordinator does not know counts as committed",
    pitfalls: "29",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "aborts what it had not decided when it died",
    patches: [
      {
        file: COORDINATOR,
        find: "{ type: MESSAGE.abort, id: message.id }",
        replace: "{ type: MESSAGE.go, id: message.id, timestamp: this.#options.clock.tick() }",
      },
      {
        file: COORDINATOR,
        find: "if (transaction === undefined) this.#options.send(from, { type: MESSAGE.abort, id });",
        replace: `if (transaction === undefined) {
        this.#options.send(from, { type: MESSAGE.go, id, timestamp: this.#options.clock.tick() });
      }`,
      },
    ],
  },
  {
    name: "a decision is recorded as over at the first acknowledgement",
    pitfalls: "29",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "keeps a decision until the last replica has acknowledged it",
    patches: [{
      file: COORDINATOR,
      find: "transaction.acknowledged.add(from);",
      replace:
        "transaction.acknowledged.add(from);\n    this.#options.append({ type: RECORD.over, id: transaction.id });",
    }],
  },
  {
    name: "a decision is forgotten when all replicas but one have acknowledged it",
    pitfalls: "29",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "keeps a decision until the last replica has acknowledged it",
    patches: [
      {
        file: COORDINATOR,
        find: "if (transaction.acknowledged.size < this.#options.replicas) return;",
        replace: "if (transaction.acknowledged.size < this.#options.replicas - 1) return;",
      },
      {
        file: COORDINATOR,
        find: "results === null || acknowledged.size < this.#options.replicas",
        replace: "results === null || acknowledged.size < this.#options.replicas - 1",
      },
    ],
  },
  {
    name: "a snapshot lacks the decisions that are not over",
    pitfalls: "16, 29",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "keeps a decision that only its snapshot tells of",
    patches: [{
      file: COORDINATOR,
      find: 'if (phase === "deciding" || phase === "going") yield',
      replace: 'if (phase === "queued") yield',
    }],
  },
  {
    name: "decisions are not read back",
    pitfalls: "29",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "carries out a decision that was durable when it died, though nobody had heard of it",
    patches: [{ file: COORDINATOR, find: "if (record.type !== RECORD.decision) return;", replace: "return;" }],
  },
  {
    name: "a go is sent once",
    pitfalls: "29",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "repeats a go that was lost, and applies what comes twice once",
    patches: [
      {
        file: COORDINATOR,
        find: 'if (transaction.phase === "going" && now >= transaction.resendAt) this.#resendGo(transaction, now);',
        replace: "",
      },
      {
        file: COORDINATOR,
        find: 'if (phase === "going" && !acknowledged.has(peer)) {',
        replace: 'if (phase === "queued") {',
      },
    ],
  },
  {
    name: "a life is used again",
    pitfalls: "30",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "begins a life whose transactions have other names than those of the one before",
    patches: [{ file: COORDINATOR, find: "this.#life++;", replace: "this.#life = 1;" }],
  },
  {
    name: "the client is answered before all replicas have committed",
    pitfalls: "27",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "answers its client when every replica has committed durably, and not before",
    patches: [{
      file: COORDINATOR,
      find: "results === null || acknowledged.size < this.#options.replicas",
      replace: "results === null",
    }],
  },
  {
    name: "what is decided is aborted when it takes long",
    pitfalls: "28",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "keeps to a decision, however long it takes until a replica hears of it",
    patches: [{ file: COORDINATOR, find: 'if (transaction.phase !== "voting") continue;', replace: "" }],
  },
  {
    name: "what was decided and is not confirmed counts as refused",
    pitfalls: "25",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "leaves its client in doubt when a replica has gone between the decision and the commit",
    patches: [{ file: COORDINATOR, find: "new OutcomeUnknown(text)", replace: 'new KvError("UNAVAILABLE", text)' }],
  },
  {
    name: "a replica that fails refuses what it has decided",
    pitfalls: "25",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "leaves its client in doubt when its disk fails after the decision",
    patches: [
      { file: COORDINATOR, find: 'transaction.phase === "voting" ? refused : unknown', replace: "refused" },
      {
        file: COORDINATOR,
        find: "for (const transaction of this.#answering.values()) this.#tellAll(transaction, unknown);",
        replace: "",
      },
    ],
  },
];

/**
 * Deliberate bugs in how Multi-Paxos chooses: ballots, promises, votes, and what a new leader proposes.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { CRASHES, DUELS, ROLES, STORM } from "./profiles.ts";

const ACCEPTOR = "src/core/paxos/acceptor.ts";
const PROPOSER = "src/core/paxos/proposer.ts";
const PHASE_ONE = "src/core/paxos/phase_one.ts";
const LEARNER = "src/core/paxos/learner.ts";
const ROLE_SET = "src/core/paxos/role_set.ts";

/** Pitfalls 1 to 10. */
export const BALLOT_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a promise leaves out what is chosen, and does not say up to where",
    pitfalls: "1",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "keeps what a moving partition has left where nobody knows that it was chosen",
    patches: [{
      file: ACCEPTOR,
      find: "const chosen = this.#options.chosen();\n    let from = Math.max(chosen, known) + 1;",
      replace: "const chosen = 0;\n    let from = 1;",
    }, {
      file: ACCEPTOR,
      find: "if (accepted === NO_BALLOT) continue;",
      replace: "if (accepted === NO_BALLOT || slot <= this.#options.chosen()) continue;",
    }],
  },
  {
    name: "a leader begins below the watermark of its quorum",
    pitfalls: "1",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "keeps what a moving partition has left where nobody knows that it was chosen",
    patches: [{
      file: PROPOSER,
      find: "if (chosen >= this.#phaseOne!.watermark) this.#lead(now);",
      replace: "this.#lead(now);",
    }],
  },
  {
    name: "a candidate says that it knows to be chosen what it has accepted",
    pitfalls: "1",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    patches: [{
      file: PROPOSER,
      find: "new PhaseOne(this.#ballot, this.#options.replicas, this.#options.chosen())",
      replace: "new PhaseOne(this.#ballot, this.#options.replicas, this.#options.slots.end - 1)",
    }, {
      // It would wait until it knows that much.
      file: PHASE_ONE,
      find: "this.#watermark = known;",
      replace: "this.#watermark = 0;",
    }],
  },
  {
    name: "a candidate leads though its learner has forgotten what it said that it knew",
    pitfalls: "1",
    run: { replicas: 3, ops: 150, faults: ROLES },
    scenario: "asks again for what it has said that it knew, when its learner has forgotten it",
    patches: [{
      file: PROPOSER,
      find: "else this.campaign();\n  }\n\n  /**\n   * This replica knows",
      replace: "else this.#lead(now);\n  }\n\n  /**\n   * This replica knows",
    }],
  },
  {
    name: "gaps after phase 1 are not filled",
    pitfalls: "2",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "fills the gaps that the leader before has left",
    patches: [{
      file: PROPOSER,
      find: "this.#propose((writer) => writer.raw(phaseOne.value(slot) ?? NO_OP), now);",
      replace: `const value = phaseOne.value(slot);
      if (value !== null) this.#propose((writer) => writer.raw(value), now);
      else this.#open.push({ slot: this.#nextSlot++, bytes: NO_OP, votes: NO_VOTES, sentAt: Infinity });`,
    }],
  },
  {
    name: "open slots are proposed again with the ballot before",
    pitfalls: "3",
    run: { replicas: 3, ops: 150, faults: ROLES },
    patches: [{
      file: PROPOSER,
      find: "const last = phaseOne.lastSlot;",
      replace: "const last = phaseOne.lastSlot;\n    const own = this.#ballot;\n    this.#ballot -= 256;",
    }, {
      file: PROPOSER,
      find: "this.#firstOwnSlot = this.#nextSlot;",
      replace: "this.#ballot = own;\n    this.#firstOwnSlot = this.#nextSlot;",
    }],
  },
  {
    name: "of the values reported for a slot the last one is taken",
    pitfalls: "3",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "takes the value of the highest ballot, not the one that is reported last",
    patches: [{ file: PHASE_ONE, find: "known === undefined || ballot > known.ballot", replace: "true" }],
  },
  {
    name: "a new leader proposes its own values in open slots",
    pitfalls: "3",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    patches: [{ file: PROPOSER, find: "phaseOne.value(slot) ?? NO_OP", replace: "NO_OP" }],
  },
  {
    name: "acceptances of another ballot are counted",
    pitfalls: "4",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "does not count what was accepted in a ballot that the same leader has given up",
    patches: [{
      file: PROPOSER,
      find: "if (!this.isLeading || ballot !== this.#ballot) return;\n    this.#heard[from] = now;\n    const first",
      replace: "if (!this.isLeading) return;\n    this.#heard[from] = now;\n    const first",
    }],
  },
  {
    name: "an acceptor that votes twice counts twice",
    pitfalls: "4",
    run: { replicas: 5, ops: 150, faults: DUELS },
    scenario: "counts an acceptor once that says twice what it has accepted",
    patches: [{
      file: "src/core/paxos/quorum.ts",
      find: "return votes | (1 << replica);",
      replace: "return hasVote(votes, replica) ? votes | (votes + 1) : votes | (1 << replica);",
    }],
  },
  {
    name: "a promise is sent before it is durable",
    pitfalls: "5",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "gives no promise that a crash before the sync takes back",
    patches: [{
      file: ACCEPTOR,
      find: `const position = this.#options.slots.append({ type: RECORD.promise, ballot });
    this.#waiting.push({ position, ballot, slot: 0, known });`,
      replace: `this.#options.slots.append({ type: RECORD.promise, ballot });
    this.#promise(from, ballot, known);`,
    }],
  },
  {
    name: "an acceptance is sent before it is durable",
    pitfalls: "5",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "takes nothing for accepted that a crash before the sync takes back",
    patches: [{
      file: ACCEPTOR,
      find: "this.#waiting.push({ position, ballot, slot, known: 0 });",
      replace: "this.#sendAccepted(ballot, [slot, slot]);",
    }],
  },
  {
    name: "an acceptance is confirmed again before it is durable",
    pitfalls: "5",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "takes nothing for accepted that a crash before the sync takes back",
    patches: [{
      file: ACCEPTOR,
      find: "if (slots.isDurable(slot)) this.#sendAccepted",
      replace: "this.#sendAccepted",
    }],
  },
  {
    name: "after a restart an acceptance is no promise",
    pitfalls: "5, 7",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "refuses an old accept after a restart too, because an acceptance is a promise",
    patches: [{
      file: "src/core/paxos/log_facts.ts",
      find: "case RECORD.accept:\n      case RECORD.promise:",
      replace: "case RECORD.accept:\n        return;\n      case RECORD.promise:",
    }],
  },
  {
    name: "rounds are forgotten, and pre-votes granted whatever was seen",
    pitfalls: "6",
    run: { replicas: 3, ops: 150, faults: ROLES },
    scenario: "uses no ballot again when its proposer starts again in the middle of an election",
    patches: [{
      file: ROLE_SET,
      find: "new Proposer(Math.max(facts.promised, lastUsed), {",
      replace: "new Proposer(NO_BALLOT, {",
    }, { file: "src/core/paxos/election.ts", find: "ballot > seen && ", replace: "" }],
  },
  {
    name: "rounds are forgotten",
    pitfalls: "6",
    run: { replicas: 3, ops: 150, faults: ROLES },
    scenario: "uses no ballot again when its proposer starts again in the middle of an election",
    patches: [{
      file: ROLE_SET,
      find: "new Proposer(Math.max(facts.promised, lastUsed), {",
      replace: "new Proposer(NO_BALLOT, {",
    }],
  },
  {
    name: "a round is used before it is durable",
    pitfalls: "6",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    open:
      "guarded twice: voters refuse a ballot that they have seen, and name it; the mutant without both guards is caught",
    patches: [{
      file: PROPOSER,
      find: 'if (this.#phase !== "reserving" || position < this.#reservedAt) return;',
      replace: 'if (this.#phase !== "reserving") return;',
    }, {
      file: PROPOSER,
      find: "this.#reservedAt = this.#options.slots.append({ type: RECORD.round, round: roundOf(this.#ballot) });",
      replace: `this.#reservedAt = this.#options.slots.append({ type: RECORD.round, round: roundOf(this.#ballot) });
    this.onDurable(0, this.#heartbeatAt);`,
    }],
  },
  {
    name: "a round is used before it is durable, and pre-votes say nothing of what was seen",
    pitfalls: "6",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "uses no ballot that a crash before the sync takes back",
    patches: [
      {
        file: PROPOSER,
        find: 'if (this.#phase !== "reserving" || position < this.#reservedAt) return;',
        replace: 'if (this.#phase !== "reserving") return;',
      },
      {
        file: PROPOSER,
        find: "this.#reservedAt = this.#options.slots.append({ type: RECORD.round, round: roundOf(this.#ballot) });",
        replace: `this.#reservedAt = this.#options.slots.append({ type: RECORD.round, round: roundOf(this.#ballot) });
    this.onDurable(0, this.#heartbeatAt);`,
      },
      { file: "src/core/paxos/election.ts", find: "ballot > seen && ", replace: "" },
      { file: "src/core/paxos/node.ts", find: "this.roles.proposer.onBallot(message.seen);", replace: "" },
    ],
  },
  {
    name: "accepting does not raise the promise",
    pitfalls: "7",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "refuses an old accept that comes after one of a higher ballot",
    patches: [{
      file: ACCEPTOR,
      find: "this.#promised = ballot;\n    const position = slots.appendAccept(accept, bytes, slack_ms);",
      replace: "const position = slots.appendAccept(accept, bytes, slack_ms);",
    }],
  },
  {
    name: "values below the promise are accepted",
    pitfalls: "7",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "refuses an old accept that comes after one of a higher ballot",
    patches: [{
      file: ACCEPTOR,
      find: "if (ballot < this.#promised) return this.#refuse(from, ballot);\n    if (!slots.isWithinReach(slot)",
      replace: "if (!slots.isWithinReach(slot)",
    }],
  },
  {
    name: "the watermark passes what was not verified",
    pitfalls: "8",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "fills the gaps that the leader before has left",
    patches: [{ file: LEARNER, find: "(next > slot || held !== ballot)", replace: "next > slot" }],
  },
  {
    name: "a leader speaks for slots that a higher ballot has chosen",
    pitfalls: "8",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "lets no deposed leader speak for what another one has chosen",
    patches: [{ file: PROPOSER, find: "if (!this.#hasProposed(chosen)) return this.#stop();", replace: "" }],
  },
  {
    name: "an accept takes the place of another value that is chosen",
    pitfalls: "8",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "lets no old accept take the place of a value that was learned",
    patches: [{ file: ACCEPTOR, find: " || this.#isStale(accept)) return;", replace: ") return;" }],
  },
  {
    name: "a promise of an earlier attempt is counted",
    pitfalls: "9",
    run: { replicas: 3, ops: 150, faults: DUELS },
    scenario: "does not count the promise of an earlier attempt",
    patches: [
      {
        file: PROPOSER,
        find: 'if (this.#phase !== "preparing" || promise.ballot !== this.#ballot) return;',
        replace: 'if (this.#phase !== "preparing") return;',
      },
      { file: PHASE_ONE, find: "if (promise.ballot !== this.ballot) return;", replace: "" },
    ],
  },
  {
    name: "an acceptor is started again without its log",
    pitfalls: "10",
    run: { replicas: 3, ops: 150, faults: ROLES },
    scenario: "refuses an old accept after its acceptor alone was started again",
    patches: [{
      file: ROLE_SET,
      find: "slots.finishRebuild();\n        this.#startAcceptor(scan.facts);",
      replace: "slots.finishRebuild();\n        this.#startAcceptor({ promised: NO_BALLOT } as LogFacts);",
    }],
  },
  {
    name: "what a crash has taken back of a snapshot's slots is believed",
    pitfalls: "10, 16",
    run: { replicas: 5, ops: 300, faults: STORM },
    scenario: "lends no value that a crash has put in the place of the chosen one",
    patches: [{
      file: "src/core/paxos/node.ts",
      find: "this.slots.dropBelow(scan.firstVerified(start.slot));",
      replace: "",
    }],
  },
];

/**
 * Deliberate bugs in what a replica of Multi-Paxos keeps, lets go and hands on: snapshots, truncation, catching up, and
 * the batches of each origin.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { CRASHES, CUTS, ROLES, STORM } from "./profiles.ts";

const HEADER = "src/core/paxos/snapshot_header.ts";
const SNAPSHOT_STORE = "src/core/paxos/snapshot_store.ts";
const CATCH_UP = "src/core/paxos/catch_up.ts";
const ORIGINS = "src/core/paxos/origins.ts";

/** Pitfalls 16 to 18 and 24. */
export const LOG_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a snapshot lacks the promise",
    pitfalls: "16",
    run: { replicas: 3, ops: 300, faults: CRASHES },
    scenario: "keeps a promise that only its snapshot tells of",
    patches: [{ file: HEADER, find: "writer.varint(header.promised);", replace: "writer.varint(0);" }],
  },
  {
    name: "a snapshot lacks the round",
    pitfalls: "16",
    run: { replicas: 3, ops: 300, faults: CRASHES },
    scenario: "remembers a ballot that only its snapshot tells of",
    patches: [{ file: HEADER, find: "writer.varint(header.round);", replace: "writer.varint(0);" }],
  },
  {
    name: "a snapshot lacks the life",
    pitfalls: "16",
    run: { replicas: 5, ops: 300, faults: ROLES },
    patches: [{ file: HEADER, find: "writer.varint(header.life);", replace: "writer.varint(0);" }],
  },
  {
    name: "a snapshot lacks the origins",
    pitfalls: "16, 24",
    run: { replicas: 5, ops: 300, faults: ROLES },
    patches: [{ file: HEADER, find: "header.origins.write(writer);", replace: "writer.varint(0);" }],
  },
  {
    name: "a snapshot lacks that the replica may vote",
    pitfalls: "16",
    run: { replicas: 5, ops: 300, faults: STORM },
    isSlow: true,
    patches: [{ file: HEADER, find: "writer.u8(header.isJoined ? 1 : 0);", replace: "writer.u8(0);" }],
  },
  {
    name: "a snapshot lacks the identities of the others",
    pitfalls: "10, 16",
    run: { replicas: 3, ops: 300, faults: CRASHES },
    scenario: "knows the others when its log no longer reaches back to when they met",
    patches: [
      { file: HEADER, find: "writer.varint(header.identities.size);", replace: "writer.varint(0);" },
      { file: HEADER, find: "of header.identities) {", replace: "of [] as [number, Uint8Array][]) {" },
    ],
  },
  {
    name: "an older snapshot replaces a newer state",
    pitfalls: "16",
    run: { replicas: 3, ops: 300, faults: STORM },
    open: "not found by seeds; tests/core/paxos/snapshot_store_test.ts finds it",
    patches: [
      { file: SNAPSHOT_STORE, find: "if (!isNewer(slot)) {", replace: "if (slot === 0) {" },
      { file: SNAPSHOT_STORE, find: "!installing.isGivenUp && isNewer(slot)", replace: "!installing.isGivenUp" },
    ],
  },
  {
    name: "a snapshot replaces the state before it is stored",
    pitfalls: "1, 18",
    run: { replicas: 3, ops: 100, faults: STORM },
    scenario: "keeps what it accepted before a snapshot until that is stored",
    patches: [
      {
        file: SNAPSHOT_STORE,
        find: "    writer.commit((error) =>\n      turn(() => {",
        replace: "    sink.finish();\n    slots.dropBelow(slot + 1);\n    onReplaced(slot, origins);\n" +
          "    writer.commit((error) =>\n      turn(() => {",
      },
      { file: SNAPSHOT_STORE, find: "        if (mayReplace) {", replace: "        if (slot === 0) {" },
      { file: "src/core/paxos/acceptor.ts", find: "if (from < slots.base) throw", replace: "if (from < 0) throw" },
    ],
  },
  {
    name: "a snapshot stands for slots that are still open",
    pitfalls: "17",
    run: { replicas: 3, ops: 300, faults: CUTS },
    patches: [{
      file: "src/core/paxos/slot_log.ts",
      find: "if (position !== 0 && position < least) least = position;",
      replace: "",
    }],
  },
  {
    name: "the log is truncated, and nobody is told of the snapshot",
    pitfalls: "17",
    run: { replicas: 3, ops: 300, faults: CRASHES },
    scenario: "takes over no half of a snapshot when the replica that takes it dies",
    patches: [{
      file: "src/core/paxos/archive.ts",
      find: "const snapshot = isTruncated ? this.#snapshotSlot() : 0;",
      replace: "const snapshot = 0;",
    }],
  },
  {
    name: "a transfer that was interrupted counts as whole",
    pitfalls: "18",
    run: { replicas: 3, ops: 300, faults: STORM },
    scenario: "begins a snapshot anew with another replica when the one that lends it dies",
    patches: [{ file: CATCH_UP, find: "fetching?.install.abort();", replace: "fetching?.install.finish(() => {});" }],
  },
  {
    name: "parts of a snapshot are taken as they come",
    pitfalls: "18",
    run: { replicas: 3, ops: 300, faults: STORM },
    scenario: "takes every part of a snapshot once, though it comes twice",
    patches: [
      { file: CATCH_UP, find: "if (slot !== fetching.slot || part !== fetching.part) return;", replace: "" },
      { file: CATCH_UP, find: "if (expected !== checksum) return this.#askAnother(now);", replace: "" },
    ],
  },
  {
    name: "the log's older records count beside a snapshot from elsewhere",
    pitfalls: "18",
    run: { replicas: 3, ops: 300, faults: STORM },
    scenario: "lends no value from before the snapshot that it took over",
    patches: [
      {
        file: SNAPSHOT_STORE,
        find: "slots.dropBelow(slot + 1);",
        replace: "",
      },
      {
        file: SNAPSHOT_STORE,
        find: "writer.write(this.#header(slot, slot + 1, origins));",
        replace: "writer.write(this.#header(slot, 1, origins));",
      },
    ],
  },
  {
    name: "a batch of an origin is applied twice",
    pitfalls: "24",
    run: { replicas: 3, ops: 150, faults: STORM },
    scenario: "goes on after a batch that was chosen long ago and is chosen once more",
    patches: [{
      file: ORIGINS,
      find: "if (number !== this.lastOf(origin, life) + 1) return false;",
      replace: "if (number > this.lastOf(origin, life) + 1) return false;",
    }],
  },
  {
    name: "batches of an origin are applied out of order",
    pitfalls: "24",
    run: { replicas: 3, ops: 150, faults: ROLES },
    scenario: "applies no batch before the one that was sent before it",
    patches: [{
      file: ORIGINS,
      find: "if (number !== this.lastOf(origin, life) + 1) return false;",
      replace: "if (number <= this.lastOf(origin, life)) return false;",
    }],
  },
  {
    name: "batches of an earlier life are applied",
    pitfalls: "24",
    run: { replicas: 3, ops: 150, faults: CRASHES },
    scenario: "goes on with the life of a replica that was started again, whatever comes late from the one before",
    patches: [{
      file: ORIGINS,
      find: "if (progress !== undefined && life < progress.life) return false;",
      replace: "",
    }],
  },
  {
    name: "a life is used again",
    pitfalls: "24",
    run: { replicas: 3, ops: 150, faults: ROLES },
    patches: [{
      file: "src/core/paxos/node.ts",
      find: "this.life = scan.facts.life + 1;",
      replace: "this.life = Math.max(1, scan.facts.life);",
    }],
  },
];

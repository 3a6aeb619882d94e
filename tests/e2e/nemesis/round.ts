/**
 * One round: a workload checked by `kvclient check` through all replicas, while the nemesis breaks things; then the
 * replicas are looked at in peace.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { type FaultKind, faultsFor } from "./faults.ts";
import type { Window } from "./figures.ts";
import { type Deed, Nemesis } from "./nemesis.ts";
import { Prober } from "./prober.ts";
import type { TestedReplicas } from "./tested_replicas.ts";

const KVCLIENT = resolve(import.meta.dirname, "../../../dist/kvclient");

/** What is done in a round. */
export interface RoundOptions {
  readonly seconds: number;
  readonly workload: string;
  readonly protocol: string;
  readonly seed: number;
  readonly clients?: number;
  /** @default all that fit */
  readonly kinds?: readonly FaultKind[];
  readonly onDeed?: (deed: Deed) => void;
}

/** What came of a round. */
export interface RoundResult {
  readonly verdict: string;
  readonly ok: number;
  readonly refused: number;
  readonly unknown: number;
  readonly longestGap_ms: number;
  readonly deeds: readonly Deed[];
  readonly windows: readonly Window[];
  /** What the check printed, when it did not end well. */
  readonly complaint: string | null;
  /** How the states of the replicas compare, in words; null when they are the same. */
  readonly difference: string | null;
}

/** What is used of the report of `kvclient check -o json`. */
interface Report {
  readonly verdict: string;
  readonly operations: {
    readonly ok: number;
    readonly unmet: number;
    readonly refused: number;
    readonly unknown: number;
  };
  readonly availability: { readonly longest_gap_ms: number };
}

/** How long the check has before the first fault. */
const BEGIN_MS = 1000;
/** How long replicas may take to become equal again. */
const EQUAL_MS = 30_000;

/** Does a round. Rejects when a replica does not come back as it must. */
export async function runRound(replicas: TestedReplicas, options: RoundOptions): Promise<RoundResult> {
  const { seconds, seed, onDeed, kinds = faultsFor(replicas.options.replication) } = options;
  const prober = new Prober(replicas.ports);
  const dice = new SimRandom(seed);
  const checking = check(replicas, options);
  // Its clients find the servers before these are broken.
  await sleep(BEGIN_MS);
  const nemesis = new Nemesis(replicas, { dice, kinds, ...(onDeed === undefined ? {} : { onDeed }) });
  await sleep(seconds * 1000 - BEGIN_MS);
  // The check reads everything through every replica in the end.
  await nemesis.stop();
  const { code, stdout, stderr } = await checking;
  const windows = await prober.stop();
  const report = parse(stdout);
  const complaint = code === 0 && report !== null ? null : `exit ${code}\n${stdout}\n${stderr}`;
  const verdict = report?.verdict ?? "no report";
  const { ok = 0, unmet = 0, refused = 0, unknown = 0 } = report?.operations ?? {};
  return {
    verdict,
    ok: ok + unmet,
    refused,
    unknown,
    longestGap_ms: report?.availability.longest_gap_ms ?? 0,
    deeds: nemesis.deeds,
    windows,
    complaint,
    difference: await differenceBetween(replicas),
  };
}

function parse(text: string): Report | null {
  return text.trim().startsWith("{") ? JSON.parse(text) as Report : null;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function check(replicas: TestedReplicas, options: RoundOptions): Promise<Ended> {
  const { seconds, workload, protocol, seed, clients = 10 } = options;
  // A little longer than the faults, so that the end is in peace.
  const flags = {
    server: replicas.servers,
    protocol,
    workload,
    seed,
    clients,
    keys: 10,
    duration: `${seconds + 3}s`,
    timeout: "8s",
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(KVCLIENT, ["check", "-o", "json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: process.env,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Uint8Array) => stdout += new TextDecoder().decode(text));
  child.stderr.on("data", (text: Uint8Array) => stderr += new TextDecoder().decode(text));
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

/** Waits until all replicas hold the same; says how they differ when they do not. */
export async function differenceBetween(replicas: TestedReplicas): Promise<string | null> {
  const until = performance.now() + EQUAL_MS;
  for (;;) {
    const states = await Promise.all(replicas.ports.map(stateOf));
    if (new Set(states).size === 1) return null;
    if (performance.now() > until) {
      return states.map((state, id) => `replica ${id + 1}: ${state}`).join("; ");
    }
    await sleep(200);
  }
}

/** A hash of what a replica holds, by its own state. */
async function stateOf(port: number): Promise<string> {
  const hash = createHash("sha256");
  let keys = 0;
  await using client = connect({ servers: [{ host: "127.0.0.1", port }], codec: stringCodec, deadline_ms: 10_000 });
  for await (const { key, value, modRevision } of client.range({ consistency: "stale" })) {
    hash.update(JSON.stringify([key, value, modRevision]));
    keys++;
  }
  return `${keys} keys, ${hash.digest("hex")}`;
}

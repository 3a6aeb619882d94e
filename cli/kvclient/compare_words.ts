/**
 * A comparison of protocols as a newcomer reads it: what was done, a table, and what it says. Every number and every
 * judgement is taken from the figures.
 *
 * @module
 */
import type { ComparedProtocol, Comparison } from "../../src/sim/run/compare.ts";
import { type Counts, type DoubtFigures, WINDOW_MS } from "../../src/sim/run/compare_figures.ts";
import type { FailureName } from "../../src/sim/run/compare_plan.ts";
import { showDuration } from "./display.ts";

/** Writes stood still when none was acknowledged for longer than this: some windows pass by chance. */
const STILL_MS = 2 * WINDOW_MS;
/** One number is much larger than another from here on. */
const MUCH = 1.5;

/** A row of the table: a name, and a cell for each protocol. */
type Row = readonly [name: string, twoPhase: string, paxos: string];

/** What was compared, in a few lines. */
export function describeWorld({ seed, replicas, clients, ops, keys, load_ms, failure }: Comparison): string[] {
  const lines = [
    `seed ${seed}: ${replicas} replicas; ${clients} clients begin ${ops} operations on ${keys} keys, ` +
    `half of them writes, in ${showDuration(load_ms)} of virtual time`,
  ];
  if (failure === null) return [...lines, "nothing failed"];
  const { name, from_ms, to_ms } = failure;
  lines.push(`from ${showDuration(from_ms)} to ${showDuration(to_ms)} ${describeFailure(failure)}`);
  if (name === "coordinator") {
    lines.push("it led under Paxos; under 2PC the others were waiting for what it would decide");
  }
  return lines;
}

function describeFailure({ name, replicas }: NonNullable<Comparison["failure"]>): string {
  const who = nameReplicas(replicas);
  const words: Readonly<Record<Exclude<FailureName, "none">, string>> = {
    coordinator: `${who} was without power`,
    leader: `${who}, the leader under Paxos, was without power`,
    replica: `${who}, which did not lead under Paxos, was without power`,
    partition: `${who} ${replicas.length === 1 ? "was" : "were"} cut off from the other replicas, and not from clients`,
    slow: `the disk of ${who} took 50 ms longer for each sync`,
  };
  return name === "none" ? "nothing failed" : words[name];
}

/** The rows of the table, the headings first. */
export function tableOf(comparison: Comparison): readonly Row[] {
  const row = (name: string, told: (side: ComparedProtocol) => string): Row => [
    name,
    told(comparison.twoPhase),
    told(comparison.paxos),
  ];
  const total = (told: (counts: Counts) => number) => ({ load: { reads, writes } }: ComparedProtocol): string =>
    String(told(reads) + told(writes));
  return [
    ["", "2PC", "Paxos"],
    row("operations done", total(({ ok }) => ok)),
    row("  refused: they changed nothing", total(({ refused }) => refused)),
    row("  outcome unknown to the client", total(({ unknown }) => unknown)),
    row("reads answered", ({ load }) => shareOf(load.reads)),
    row("writes acknowledged", ({ load }) => shareOf(load.writes)),
    row(`${WINDOW_MS} ms windows with an answer`, ({ load }) => percent(load.windowsAnswered)),
    row(`${WINDOW_MS} ms windows with an acknowledged write`, ({ load }) => percent(load.windowsWritten)),
    row("longest time without an acknowledged write", ({ load }) => showDuration(load.longestStall_ms)),
    row(`blocked: all such times over ${WINDOW_MS} ms`, ({ load }) => showTime(load.stalled_ms)),
    row(`transactions in doubt for over ${WINDOW_MS} ms`, ({ load }) => String(load.inDoubt.transactions)),
    row("  of them with a coordinator that was away", ({ load }) => String(load.orphaned.transactions)),
    row("  longest in doubt", ({ load }) => showTime(load.inDoubt.longest_ms)),
    row("latency of writes, median", ({ load }) => showDuration(load.median_ms)),
    row("latency of writes, 99 of 100 within", ({ load }) => showDuration(load.p99_ms)),
    row("a write alone, nothing failing: latency", ({ price }) => showDuration(price.latency_ms)),
    row("  messages between replicas", ({ price }) => price.messages.toFixed(1)),
    row("  bytes between replicas", ({ price }) => price.bytes.toFixed(0)),
    row("  syncs to disk", ({ price }) => price.syncs.toFixed(1)),
    row("linearizable", ({ isLinearizable }) => isLinearizable ? "yes" : "NO"),
  ];
}

/** What the table says, in two sentences. */
export function concludeFrom(comparison: Comparison): readonly [availability: string, price: string] {
  return [concludeAvailability(comparison), concludePrice(comparison)];
}

function concludeAvailability({ twoPhase, paxos, failure, keys }: Comparison): string {
  const [ours, theirs] = [twoPhase.load.longestStall_ms, paxos.load.longestStall_ms];
  const during = failure === null ? "" : ` while ${describeFailure(failure)}`;
  if (ours <= STILL_MS && theirs <= STILL_MS) {
    const slowest =
      `99 of 100 writes took at most ${showDuration(twoPhase.load.p99_ms)} under two-phase commit, which ` +
      `waits for every replica, and ${showDuration(paxos.load.p99_ms)} under Paxos, which waits for a majority`;
    return `Both went on acknowledging writes${during}: ${slowest}.`;
  }
  const locked = describeOrphans(twoPhase.load.orphaned, keys);
  const blocked = ours <= STILL_MS
    ? `Two-phase commit went on acknowledging writes${during}`
    : `Two-phase commit acknowledged no write for ${showDuration(ours)}${during}, for it needs every replica${locked}`;
  if (theirs <= STILL_MS) return `${blocked}; Paxos went on, for a majority is enough.`;
  const ratio = ours > theirs * MUCH ? ` (${(ours / theirs).toFixed(1)} times less)` : "";
  return `${blocked}; Paxos acknowledged none for ${
    showDuration(theirs)
  }${ratio}, until a majority had a leader again.`;
}

function describeOrphans({ transactions, keys }: DoubtFigures, all: number): string {
  if (transactions === 0) return "";
  const count = transactions === 1 ? "1 transaction" : `${transactions} transactions`;
  const locks = keys === null ? `all ${all} keys` : `${keys} of ${all} keys`;
  return `, and ${count} whose coordinator was away kept ${locks} locked`;
}

function concludePrice({ twoPhase, paxos }: Comparison): string {
  const told = ({ price }: ComparedProtocol): string =>
    `${showDuration(price.latency_ms)}, ${price.messages.toFixed(1)} messages and ${price.syncs.toFixed(1)} syncs`;
  const [ours, theirs] = [twoPhase.price.latency_ms, paxos.price.latency_ms];
  const ratio = theirs > 0 && ours > 0 ? `, ${(ours / theirs).toFixed(1)} times the latency` : "";
  return `A write alone, nothing failing, took ${told(paxos)} under Paxos and ${told(twoPhase)} under two-phase ` +
    `commit${ratio}.`;
}

function shareOf({ ok, begun }: Counts): string {
  return begun === 0 ? "none asked" : `${percent(ok / begun)} of ${begun}`;
}

function percent(share: number): string {
  // Not everything and not nothing: neither is what a rounded number may say.
  const tenths = share < 1 ? Math.min(999, Math.round(share * 1000)) : 1000;
  return `${(tenths / 10).toFixed(1)} %`;
}

function showTime(duration_ms: number): string {
  return duration_ms === 0 ? "none" : showDuration(duration_ms);
}

/** Replicas as people count them, from 1. */
function nameReplicas(replicas: readonly number[]): string {
  const names = replicas.map((replica) => replica + 1).toSorted((a, b) => a - b);
  return names.length === 1 ? `replica ${names[0]}` : `replicas ${names.join(" and ")}`;
}

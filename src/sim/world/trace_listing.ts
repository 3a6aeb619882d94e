/**
 * A trace as people read it: time runs downwards, every server and client has a lane, and a mark says in whose lane
 * something happened.
 *
 * @module
 */
import type { TraceLine } from "./trace.ts";

/** Events between two ends: who sent, who receives, what. */
const TRAVELS: ReadonlySet<string> = new Set(["deliver", "lose", "cut", "drop"]);

/** The subject of what happens to no single server or client. */
const NOBODY = "";

/** One event in words, without the parts that only stand for content. */
export function describeLine({ kind, parts }: TraceLine): string {
  if (TRAVELS.has(kind)) return `${kind} ${parts[0]}→${parts[1]} ${parts[2]}`;
  if (kind === "power") return `power ${parts[0]} kept ${parts[1]} lost ${parts[2]} corrupted ${parts[3]}`;
  return [kind, ...parts].join(" ");
}

/** In whose lane an event happened. */
function subjectOf({ kind, parts }: TraceLine): string {
  if (kind === "fault") return typeof parts[1] === "number" ? String(parts[1]) : NOBODY;
  return String(kind === "deliver" ? parts[1] : parts[0]);
}

/**
 * The lines of a listing, the first of which names the lanes: servers by their number, clients as c1, c2, ….
 *
 * @example
 * ```ts
 * import { Simulation, standaloneHost } from "./simulation.ts";
 * import { listTrace } from "./trace_listing.ts";
 *
 * const simulation = new Simulation({ seed: 1, replicas: 1, faults: "none", host: standaloneHost, keepTrace: true });
 * simulation.nodes[0]?.crash();
 * for (const line of listTrace(simulation.trace.lines)) console.error(line);
 * ```
 */
export function listTrace(lines: readonly TraceLine[]): string[] {
  const lanes = [...new Set(lines.map(subjectOf))].filter((lane) => lane !== NOBODY).sort((a, b) => {
    if (a.startsWith("c") !== b.startsWith("c")) return a.startsWith("c") ? 1 : -1;
    return a.length - b.length || (a < b ? -1 : 1);
  });
  const width = Math.max(3, ...lanes.map((lane) => lane.length + 1));
  const at = new Map(lanes.map((lane, index) => [lane, index]));
  const listing = [`${"ms".padStart(12)}  ${lanes.map((lane) => lane.padEnd(width)).join("")}`];
  for (const line of lines) {
    const subject = at.get(subjectOf(line));
    const marks = lanes.map((_, index) => (index === subject ? "●" : "│").padEnd(width)).join("");
    listing.push(`${(line.at_us / 1000).toFixed(3).padStart(12)}  ${marks} ${describeLine(line)}`);
  }
  return listing;
}

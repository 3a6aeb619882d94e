/**
 * `status`: what each replica says of itself, side by side; of a server without replicas everything that it says.
 *
 * @module
 */
import { EXIT } from "../exit_code.ts";
import { type Context, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { PAXOS_VIEW } from "./status_paxos.ts";
import { type ReplicaView, writeTable } from "./status_table.ts";
import { TWO_PHASE_VIEW } from "./status_two_phase.ts";
import type { ServerReport, Store } from "./store.ts";

const VIEWS: readonly ReplicaView[] = [PAXOS_VIEW, TWO_PHASE_VIEW];

/** `status` */
export async function status(context: Context, store: Store): Promise<number> {
  const { terminal, json, signal } = context;
  const reports = await store.reports(signal);
  const unreached = reports.every((report) => report.status === null) ? reports[0]?.error ?? null : null;
  if (json && unreached?.code !== "UNAUTHENTICATED") {
    await writeJson(terminal, reports.map(reportToJson));
    return unreached === null ? EXIT.done : exitCodeOf(unreached);
  }
  if (unreached !== null) throw unreached;
  // Those that do not answer stand with the replicas that named them, if there are any.
  const missing = VIEWS.find((view) => reports.some((report) => view.summary(report) !== null)) ?? PAXOS_VIEW;
  let isFirst = true;
  const separate = async (): Promise<void> => {
    if (!isFirst) await writeLine(terminal, "");
    isFirst = false;
  };
  const viewed = reports.map((report) => ({ report, view: report.status === null ? missing : viewOf(report) }));
  for (const view of VIEWS) {
    const replicas = viewed.filter((each) => each.view === view).map(({ report }) => report);
    if (replicas.length === 0) continue;
    await separate();
    await writeTable(context, view, replicas);
  }
  for (const { report } of viewed.filter(({ view }) => view === null)) {
    if (reports.length > 1) {
      await separate();
      await writeLine(terminal, report.server);
    }
    await writeFields(context, report.status!);
  }
  return EXIT.done;
}

/** How a server that has answered is shown; null for one without replicas. */
function viewOf(report: ServerReport): ReplicaView | null {
  return VIEWS.find((view) => view.summary(report) !== null) ?? null;
}

/** A replica as programs want it: what is looked at first at the top, then the whole page. */
function reportToJson(report: ServerReport): object {
  const { server, status, error } = report;
  if (status === null) return { server, reachable: false, error: error?.message ?? "no answer" };
  // The role that Redis's clients know: a server without replicas is its own master.
  return { server, reachable: true, ...viewOf(report)?.summary(report) ?? { role: "master" }, ...status };
}

/** Everything but what only programs can read. */
async function writeFields({ terminal, style }: Context, fields: object): Promise<void> {
  const rows = flatten(fields, "").filter(([name]) => !name.startsWith("latency."));
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) await writeLine(terminal, `${style.dim(name.padEnd(width))}  ${value}`);
}

/** Nested fields as rows with dotted names. */
function flatten(fields: object, prefix: string): [name: string, value: string][] {
  return Object.entries(fields).flatMap(([name, value]): [string, string][] => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return flatten(value, `${prefix}${name}.`);
    }
    return [[prefix + name, typeof value === "string" ? value : JSON.stringify(value) ?? ""]];
  });
}

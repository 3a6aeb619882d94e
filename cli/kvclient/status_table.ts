/**
 * Tables of replicas: a row for each, with what is to be said of it on lines of their own below.
 *
 * @module
 */
import type { StatusPage } from "../../src/server/status_page.ts";
import { type Context, writeLine } from "./context.ts";
import type { ServerReport } from "./store.ts";

/** A replica in a table. */
export interface Row {
  readonly cells: readonly (string | number)[];
  /** What a person should look at. */
  readonly notes: readonly string[];
}

/** How a protocol shows its replicas. */
export interface ReplicaView {
  readonly columns: readonly string[];
  /** The row of a replica that has answered. */
  row(report: ServerReport): Row;
  /** The figures that are looked at first, for programs; null for what is no replica of this protocol. */
  summary(report: ServerReport): object | null;
}

/** The page of a server that has answered; null for one that has not. */
export function pageOf({ status }: Pick<ServerReport, "status">): Partial<StatusPage> | null {
  return status as unknown as Partial<StatusPage> | null; // What was received: another version may lack any of it.
}

/** Writes the table; replicas that have not answered are rows that say why. */
export async function writeTable(
  { terminal, style }: Context,
  view: ReplicaView,
  reports: readonly ServerReport[],
): Promise<void> {
  const rows = reports.map((report) => {
    const { cells, notes } = report.status === null ? unreachable(report) : view.row(report);
    return { cells: cells.map(String), notes: [...notes, ...refusalsOf(report)] };
  });
  const widths = view.columns.map((name, column) => {
    return Math.max(name.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0));
  });
  const layOut = (cells: readonly string[]): string =>
    cells.map((cell, column) => column === cells.length - 1 ? cell : cell.padEnd(widths[column]!)).join("  ");
  await writeLine(terminal, style.dim(layOut(view.columns)));
  for (const { cells, notes } of rows) {
    await writeLine(terminal, layOut(cells));
    for (const note of notes) await writeLine(terminal, style.red(`  ${note}`));
  }
}

function unreachable({ server, error }: ServerReport): Row {
  return { cells: [server, "unreachable"], notes: error === null ? [] : [error.message] };
}

/** Which of the others will not hear this replica, and why. */
function refusalsOf(report: ServerReport): string[] {
  return (pageOf(report)?.cluster?.peers ?? []).flatMap(({ address, link }) => {
    return link === null || link.refusal === null ? [] : [`${address} does not hear it: ${link.refusal}`];
  });
}

/** A number of bytes for people. */
export function showSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

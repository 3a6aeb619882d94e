/**
 * Figures of processes over time, from /proc: whether memory and handles stay bounded.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One process at one moment. */
export interface ProcessFigures {
  readonly resident_bytes: number;
  readonly handles: number;
  readonly sockets: number;
}

/** Of a running process; null where there is no /proc, or no such process. */
export function processFigures(pid: number): ProcessFigures | null {
  try {
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    const links = readdirSync(`/proc/${pid}/fd`).map((handle) => linkOf(`/proc/${pid}/fd/${handle}`));
    return {
      resident_bytes: Number(resident) * 1024,
      handles: links.length,
      sockets: links.filter((link) => link.startsWith("socket:")).length,
    };
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return null;
    throw error;
  }
}

/** A handle can be closed between the listing and the look at it. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

/** A second in which clients asked: how many operations ended well. */
export interface Window {
  /** When it began, of `Date.now()`. */
  readonly at_ms: number;
  readonly ok: number;
}

/** In how many of the seconds something succeeded, from 0 to 1. */
export function availability(windows: readonly Window[]): number {
  return windows.length === 0 ? 1 : windows.filter(({ ok }) => ok > 0).length / windows.length;
}

/** The seconds that overlap with a time. */
export function during(windows: readonly Window[], from_ms: number, to_ms: number): Window[] {
  return windows.filter(({ at_ms }) => at_ms + 1000 > from_ms && at_ms < to_ms);
}

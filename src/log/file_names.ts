/**
 * The names of the log's files. Numbers are padded, so that the order of the names is the order of the numbers.
 *
 * @module
 */

/** The file that says whose directory this is and in what format. */
export const META_FILE = "meta";

/** Ends the names of files that are not finished; whatever has it is removed when the log opens. */
export const TEMPORARY_SUFFIX = ".tmp";

const DIGITS = 16;
const SEGMENT = /^segment-(\d{16})$/;
const SNAPSHOT = /^snapshot-(\d{16})$/;

/** The name of the `number`th segment, counted from 1. */
export function segmentName(number: number): string {
  return `segment-${String(number).padStart(DIGITS, "0")}`;
}

/** The name of the snapshot that stands for everything up to `position`. */
export function snapshotName(position: number): string {
  return `snapshot-${String(position).padStart(DIGITS, "0")}`;
}

function numbersOf(names: readonly string[], pattern: RegExp): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const digits = pattern.exec(name)?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((a, b) => a - b);
}

/** The numbers of the segments among `names`, ascending. */
export function segmentNumbers(names: readonly string[]): number[] {
  return numbersOf(names, SEGMENT);
}

/** The positions of the snapshots among `names`, ascending. */
export function snapshotPositions(names: readonly string[]): number[] {
  return numbersOf(names, SNAPSHOT);
}

/** Whether `name` is an unfinished file of the log's. */
export function isTemporary(name: string): boolean {
  return name.endsWith(TEMPORARY_SUFFIX) && (name.startsWith("snapshot-") || name.startsWith(META_FILE));
}

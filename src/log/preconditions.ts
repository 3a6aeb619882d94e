/**
 * What the callers of a log must keep to. Both logs check the same, so that a mistake shows with either.
 *
 * @module
 */
import { LogError, type LogListener } from "../ports/log.ts";

function checkPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`a log position is a whole number from 0 to 2^53 - 1, not ${position}`);
  }
}

/** Throws `RangeError` when the log has an owner already, who would hear no more. */
export function checkListener(present: LogListener | null): void {
  if (present !== null) throw new RangeError("the log has a listener already");
}

/** Throws {@link LogError} `truncated` when `position` is no longer stored, given the first position that is. */
export function checkReadPosition(position: number, first: number): void {
  checkPosition(position);
  if (position < first) {
    throw new LogError(
      "truncated",
      `position ${position} was truncated: the log starts at ${first}; read the snapshot that stands for what was before`,
    );
  }
}

/** Throws `RangeError` when `position` was never appended, given the last position that was. */
export function checkTruncatePosition(position: number, last: number): void {
  checkPosition(position);
  if (position > last) throw new RangeError(`cannot truncate up to ${position}: the last record is ${last}`);
}

/**
 * Throws `RangeError` while another snapshot is being written, and unless one at `position` stands for at least what
 * the stored one does (an older one over a newer state would lose records) and for nothing that a crash could still
 * take back.
 */
export function checkSnapshot(isWriting: boolean, position: number, stored: number, durable: number): void {
  if (isWriting) throw new RangeError("a snapshot is being written already");
  checkPosition(position);
  if (position < 1 || position < stored || position > durable) {
    throw new RangeError(
      `a snapshot at position ${position} is refused: it must be from ${Math.max(stored, 1)}, the stored snapshot's, ` +
        `to ${durable}, the last durable one`,
    );
  }
}

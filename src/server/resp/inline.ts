/**
 * Splits an inline command into arguments by Redis's quoting rules: blanks separate; double quotes with
 * `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a` and `\c` for any other character; single quotes with `\'` only. A
 * closing quote must be followed by a blank or the end.
 *
 * @module
 */

/** The arguments of an inline command: `bytes[starts[i], ends[i])` each. */
export interface InlineArgs {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const QUOTE = 34;
const APOSTROPHE = 39;
const BACKSLASH = 92;
const ESCAPES: ReadonlyMap<number, number> = new Map([[110, 10], [114, 13], [116, 9], [98, 8], [97, 7]]);

/** The arguments on `line` (without its newline), in fresh memory; null when its quotes are not balanced. */
export function splitInline(line: Uint8Array): InlineArgs | null {
  const nul = line.indexOf(0);
  const end = nul < 0 ? line.length : nul;
  const bytes = new Uint8Array(end);
  const starts: number[] = [];
  const ends: number[] = [];
  let length = 0;
  let at = 0;
  for (;;) {
    while (at < end && isBlank(line[at]!)) at++;
    if (at >= end) return { bytes, starts, ends };
    starts.push(length);
    while (at < end && !isBlank(line[at]!)) {
      const byte = line[at++]!;
      if (byte !== QUOTE && byte !== APOSTROPHE) {
        bytes[length++] = byte;
        continue;
      }
      let closed = false;
      while (at < end && !closed) {
        const inner = line[at++]!;
        if (inner === byte) {
          closed = true;
        } else if (inner !== BACKSLASH || at >= end) {
          bytes[length++] = inner;
        } else if (byte === APOSTROPHE) {
          if (line[at] === APOSTROPHE) bytes[length++] = line[at++]!;
          else bytes[length++] = inner;
        } else if (line[at] === 120 && at + 2 < end && hex(line[at + 1]!) >= 0 && hex(line[at + 2]!) >= 0) {
          bytes[length++] = hex(line[at + 1]!) * 16 + hex(line[at + 2]!);
          at += 3;
        } else {
          bytes[length++] = ESCAPES.get(line[at]!) ?? line[at]!;
          at++;
        }
      }
      if (!closed || (at < end && !isBlank(line[at]!))) return null;
    }
    ends.push(length);
  }
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** The value of a hexadecimal digit, or −1. */
function hex(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

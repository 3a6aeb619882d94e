/**
 * The two fast paths that runtimes offer and browsers do not: `Buffer`'s native conversions and copies, and
 * zlib's CRC-32. Found by looking, never by importing, so that everything above stays browser-safe; each user
 * has a portable fallback that computes the same.
 *
 * @module
 */

/** The part of Node's `Buffer` prototype that the codecs call on plain byte arrays. */
export interface NativeBuffer {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  latin1Write(this: Uint8Array, text: string, offset: number, length: number): number;
  copy(this: Uint8Array, target: Uint8Array, targetStart: number, start: number, end: number): number;
}

interface Runtime {
  readonly Buffer?: { readonly prototype: Partial<NativeBuffer>; allocUnsafeSlow?(size: number): Uint8Array };
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

const runtime = globalThis as unknown as Runtime;

function findNativeBuffer(): NativeBuffer | null {
  const prototype = runtime.Buffer?.prototype;
  const { latin1Slice, latin1Write, copy } = prototype ?? {};
  if (latin1Slice === undefined || latin1Write === undefined || copy === undefined) return null;
  return { latin1Slice, latin1Write, copy };
}

/**
 * Native CRC-32 (IEEE), or null in a browser. Not looked for before it is asked for: on some runtimes to load zlib takes as
 * long as all of a client.
 */
export function findCrc32(): ((bytes: Uint8Array, seed?: number) => number) | null {
  const zlib = runtime.process?.getBuiltinModule?.("node:zlib") as
    | { crc32?: (bytes: Uint8Array, seed?: number) => number }
    | undefined;
  return zlib?.crc32 ?? null;
}

/** Native latin1 conversions and copies, or null in a browser. */
export const nativeBuffer: NativeBuffer | null = findNativeBuffer();

/**
 * How passwords and tokens are kept: never as they are. Passwords are few bits, so that their hash is slow and salted
 * (scrypt, off the event loop); tokens are 256 random bits, which one SHA-256 hides well enough.
 *
 * @module
 */
import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { fromBase64Url, toBase64Url } from "../../codec/base64.ts";

/** A password as it is kept. */
export interface PasswordHash {
  /** The cost: a power of two. Memory is 128 · cost · blockSize bytes. */
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** About 50 ms and 32 MiB for each attempt. */
const COST = 2 ** 15;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const TOKEN_BYTES = 32;
/** A hash that asks for more memory than this is refused. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
/** The longest password in bytes. */
export const MAX_SECRET_BYTES = 1024;

function scryptOf(secret: Uint8Array, { cost, blockSize, parallelism, salt, hash }: PasswordHash): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = { N: cost, r: blockSize, p: parallelism, maxmem: 2 * 128 * cost * blockSize };
    scrypt(secret, salt, hash.length, options, (error: Error | null | undefined, key) => {
      // Bun says undefined where Node says null.
      if (error === null || error === undefined) resolve(key);
      else reject(error);
    });
  });
}

/** Hashes a password with a salt of its own. */
export async function hashPassword(password: Uint8Array, cost: number = COST): Promise<PasswordHash> {
  const empty: PasswordHash = {
    cost,
    blockSize: BLOCK_SIZE,
    parallelism: 1,
    salt: randomBytes(SALT_BYTES),
    hash: new Uint8Array(HASH_BYTES),
  };
  return { ...empty, hash: await scryptOf(password, empty) };
}

/** Whether `password` is the one that was hashed. Takes as long for a right one as for a wrong one. */
export async function isHashed(password: Uint8Array, hashed: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await scryptOf(password, hashed), hashed.hash);
}

/** A hash as text: `scrypt$N$r$p$SALT$HASH`, the last two in base64url. */
export function formatPasswordHash({ cost, blockSize, parallelism, salt, hash }: PasswordHash): string {
  return ["scrypt", cost, blockSize, parallelism, toBase64Url(salt), toBase64Url(hash)].join("$");
}

/** Reads {@link formatPasswordHash}'s text; null when it is none, or asks for too much. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,2})\$([\w-]{11,86})\$([\w-]{22,86})$/.exec(text);
  if (match === null) return null;
  const [cost, blockSize, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const isPower = cost >= 2 && (cost & (cost - 1)) === 0;
  if (!isPower || blockSize < 1 || parallelism < 1 || 128 * cost * blockSize > MAX_MEMORY_BYTES) return null;
  try {
    return { cost, blockSize, parallelism, salt: fromBase64Url(match[4]!), hash: fromBase64Url(match[5]!) };
  } catch {
    return null;
  }
}

/** A new token: 256 random bits as 43 characters. */
export function drawToken(): string {
  return toBase64Url(randomBytes(TOKEN_BYTES));
}

/** A token as it is kept. */
export function hashToken(token: Uint8Array): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/** A token's hash as text: `sha256$HASH`, in base64url. */
export function formatTokenHash(hash: Uint8Array): string {
  return `sha256$${toBase64Url(hash)}`;
}

/** Reads {@link formatTokenHash}'s text; null when it is none. */
export function parseTokenHash(text: string): Uint8Array | null {
  const match = /^sha256\$([\w-]{43})$/.exec(text);
  if (match === null) return null;
  try {
    return fromBase64Url(match[1]!);
  } catch {
    return null;
  }
}

/** Whether two secrets are the same, in a time that says nothing about where, or in what length, they differ. */
export function isSameSecret(given: Uint8Array, expected: Uint8Array): boolean {
  return timingSafeEqual(hashToken(given), hashToken(expected));
}

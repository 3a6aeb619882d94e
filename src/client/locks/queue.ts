/**
 * How a claim comes first: it waits for the claim right before it, and for no other, so that one claim that ends wakes one
 * that waits. (The recipe of ZooKeeper's and etcd's locks.)
 *
 * Invariant: claims are served in the order of their tokens. A claim comes first when no claim with a lower token is there,
 * and none with a lower one can come, since a token is the revision at which its key was made.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import type { KeyedEntryView } from "../entries.ts";
import { checkDuration } from "../options.ts";
import { Claim, type ClaimHost, type ClaimOptions, isClaim } from "./claim.ts";

/** How long and for whom a claim is waited for. */
export interface Patience {
  readonly wait_ms?: number;
  readonly signal?: AbortSignal;
}

/** A claim that lives for a shorter time could not be refreshed over a network. */
const SHORTEST_TTL_MS = 100;

/** The claims on a name that are there, in order. */
export async function standing(
  { client }: Pick<ClaimHost, "client">,
  name: string,
  signal?: AbortSignal,
): Promise<KeyedEntryView<Uint8Array>[]> {
  const claims = [];
  for await (const entry of client.range({ prefix: `${name}/`, ...(signal === undefined ? {} : { signal }) })) {
    if (isClaim(name, entry.key)) claims.push(entry);
  }
  return claims.sort((a, b) => a.createRevision - b.createRevision);
}

/** Enters a queue and waits until the claim is first. Rejects with a {@link KvError}, and then has left the queue. */
export async function comeFirst(host: ClaimHost, options: ClaimOptions, patience: Patience): Promise<Claim> {
  check(options);
  const { name } = options;
  const { wait_ms = Infinity, signal } = patience;
  if (wait_ms === 0) {
    const claim = await comeFirstAtOnce(host, options);
    if (claim === null) throw held(name, wait_ms);
    return claim;
  }
  if (wait_ms !== Infinity) checkDuration("wait_ms", wait_ms);
  const stop = new AbortController();
  const timer = wait_ms === Infinity ? null : host.clock.after(wait_ms, () => stop.abort(held(name, wait_ms)));
  const abort = (): void => {
    stop.abort(new KvError("ABORTED", `the wait for ${JSON.stringify(name)} was aborted`, { cause: signal!.reason }));
  };
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      stop.signal.throwIfAborted();
      const claim = await Claim.enter(host, options, stop.signal);
      if (await isServed(host, name, claim, stop.signal)) return claim;
    }
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    timer?.cancel();
    signal?.removeEventListener("abort", abort);
  }
}

/** Enters a queue if nobody is in it. Null when somebody is. */
export async function comeFirstAtOnce(host: ClaimHost, options: ClaimOptions): Promise<Claim | null> {
  check(options);
  if ((await standing(host, options.name)).length > 0) return null;
  const claim = await Claim.enter(host, options, new AbortController().signal);
  if (claim.isAlone || await before(host, options.name, claim) === null) return claim.isHeld ? claim : null;
  await claim.withdraw();
  return null;
}

/** Waits until a claim is first; false when it was lost before. Withdraws it when the wait ends otherwise. */
async function isServed(host: ClaimHost, name: string, claim: Claim, stop: AbortSignal): Promise<boolean> {
  try {
    while (claim.isHeld) {
      stop.throwIfAborted();
      const ahead = claim.isAlone ? null : await before(host, name, claim, stop);
      if (ahead === null) return claim.isHeld;
      await untilGone(host, ahead, [claim.signal, stop]);
    }
    return false;
  } catch (error) {
    const withdrawn = claim.withdraw().catch(() => false);
    // Whoever aborts does not want to wait; a key that stays goes when its time is over.
    if (!stop.aborted) await withdrawn;
    throw error;
  }
}

/** The key of the claim right before this one; null when it is first, or not there any more, of which it is told. */
async function before(host: ClaimHost, name: string, claim: Claim, signal?: AbortSignal): Promise<string | null> {
  const claims = await standing(host, name, signal);
  const at = claims.findIndex(({ key, createRevision }) => key === claim.key && createRevision === claim.token);
  if (at < 0) claim.missed();
  return claims[at - 1]?.key ?? null;
}

/** Waits until a key is gone, or one of the signals aborts. May resolve early. */
async function untilGone({ client }: ClaimHost, key: string, signals: readonly AbortSignal[]): Promise<void> {
  const watch = client.watch({ key });
  const leave = (): void => void watch.return();
  for (const signal of signals) signal.addEventListener("abort", leave, { once: true });
  const isOver = (): boolean => signals.some(({ aborted }) => aborted);
  try {
    if (isOver()) return;
    // What goes before the watch has begun is missed by the read that follows.
    await watch.ready;
    if (await client.get(key) === null) return;
    for await (const { type } of watch) if (type !== "put") return;
  } catch (error) {
    if (isOver()) return;
    // Whether it is gone is not known then: the caller looks.
    if (!(error instanceof KvError) || (error.code !== "COMPACTED" && error.code !== "WATCH_OVERFLOW")) throw error;
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", leave);
    await watch.return();
  }
}

function held(name: string, wait_ms: number): KvError {
  const until = wait_ms === 0 ? "" : `, for all of the ${wait_ms} ms of wait_ms`;
  return new KvError("LOCK_HELD", `${JSON.stringify(name)} is held by others${until}`);
}

function check({ name, ttl_ms }: ClaimOptions): void {
  if (typeof name !== "string" || name === "") {
    throw new KvError("INVALID_ARGUMENT", `a lock or election has the name ${JSON.stringify(name)}; give it some text`);
  }
  checkDuration("ttl_ms", ttl_ms);
  if (Number.isInteger(ttl_ms) && ttl_ms >= SHORTEST_TTL_MS) return;
  throw new KvError(
    "INVALID_ARGUMENT",
    `ttl_ms is ${ttl_ms}; it is a whole number of milliseconds from ${SHORTEST_TTL_MS} on`,
  );
}

/**
 * What pages for operators say of a replica under two-phase commit. Under load thousands of transactions wait for an
 * outcome that is a millisecond away; a page has room for the oldest, which are those that somebody asks about.
 *
 * @module
 */
import { type Key, keyToText } from "../codec/bytes.ts";
import type { InDoubtTransaction, TwoPhaseStatus, WaitingTransaction } from "../core/replication.ts";

/** The most transactions in a list of a page, and the most keys that it names of one. */
const MOST_TRANSACTIONS = 100;
const MOST_KEYS = 20;

/** How a page tells of a transaction: keys as text, and how many more there are. */
interface Shortened {
  /** The first keys that it holds or waits for; null for all keys. */
  readonly keys: readonly string[] | null;
  /** How many keys there are beside those. */
  readonly moreKeys: number;
}

/** The figures as a page has them. */
export interface TwoPhasePage extends Omit<TwoPhaseStatus, "inDoubt" | "waiting"> {
  /** All replicas are the same to clients and to each other. */
  readonly role: "participant";
  /** How many transactions are in doubt, and the oldest of them. */
  readonly inDoubtCount: number;
  readonly inDoubt: readonly (Omit<InDoubtTransaction, "keys"> & Shortened)[];
  /** How many transactions wait for locks, and the oldest of them. */
  readonly waitingCount: number;
  readonly waiting: readonly (Omit<WaitingTransaction, "keys"> & Shortened)[];
}

/** The figures for a page. */
export function twoPhasePage(status: TwoPhaseStatus): TwoPhasePage {
  return {
    ...status,
    role: "participant",
    inDoubtCount: status.inDoubt.length,
    inDoubt: oldest(status.inDoubt),
    waitingCount: status.waiting.length,
    waiting: oldest(status.waiting).map((each) => ({ ...each, waitsFor: each.waitsFor.slice(0, MOST_TRANSACTIONS) })),
  };
}

/** The age of the oldest transaction in doubt, in milliseconds; 0 without any. */
export function oldestInDoubt_ms({ inDoubt }: Pick<TwoPhaseStatus, "inDoubt">): number {
  return inDoubt.reduce((oldest_ms, { age_ms }) => Math.max(oldest_ms, age_ms), 0);
}

function oldest<Transaction extends InDoubtTransaction>(
  transactions: readonly Transaction[],
): (Omit<Transaction, "keys"> & Shortened)[] {
  const first = transactions.toSorted((a, b) => b.age_ms - a.age_ms).slice(0, MOST_TRANSACTIONS);
  return first.map(({ keys, ...rest }) => ({
    ...rest,
    // The store's keys, as the protocol got them from it.
    keys: keys?.slice(0, MOST_KEYS).map((key) => keyToText(key as Key)) ?? null,
    moreKeys: Math.max(0, (keys?.length ?? 0) - MOST_KEYS),
  }));
}

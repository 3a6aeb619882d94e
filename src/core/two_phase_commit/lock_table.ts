/**
 * Locks on keys, all of them exclusive. Whoever asks for locks gets all of them at once or waits, in the order of age,
 * and nobody overtakes an older one that wants a key of theirs.
 *
 * The table itself ends no holder: it says who waits for whom, and the owner of the table asks that a younger holder in
 * the way of an older one give up (wound-wait). So the waiting of older ones is short, the waiting of younger ones for
 * older ones makes no circles, and the oldest of all always goes on.
 *
 * @module
 */
import { type Age, compareAges } from "./transaction_id.ts";

/** What wants locks. */
export interface LockOwner {
  readonly age: Age;
  /** The keys it needs, or null for every key. */
  readonly conflicts: readonly string[] | null;
}

/** The locks of one replica. */
export class LockTable<Owner extends LockOwner> {
  /** Who holds a key. More than one only after a restart that has brought back one that was over already. */
  readonly #held = new Map<string, Set<Owner>>();
  readonly #holders = new Set<Owner>();
  /** Those that hold every key. */
  readonly #whole = new Set<Owner>();
  /** The oldest first. */
  #waiting: Owner[] = [];

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets an owner wait for its locks; {@link settle} gives them to it. */
  request(owner: Owner): void {
    let at = this.#waiting.length;
    while (at > 0 && compareAges(owner.age, this.#waiting[at - 1]!.age) < 0) at--;
    this.#waiting.splice(at, 0, owner);
  }

  /** Takes the locks of an owner at once, whoever has them: it held them before a restart. */
  take(owner: Owner): void {
    this.#holders.add(owner);
    if (owner.conflicts === null) this.#whole.add(owner);
    for (const key of owner.conflicts ?? []) {
      const holders = this.#held.get(key);
      if (holders === undefined) this.#held.set(key, new Set([owner]));
      else holders.add(owner);
    }
  }

  /** Lets go of all that an owner holds or waits for. */
  release(owner: Owner): void {
    if (!this.#holders.delete(owner)) {
      this.#waiting = this.#waiting.filter((other) => other !== owner);
      return;
    }
    this.#whole.delete(owner);
    for (const key of owner.conflicts ?? []) {
      const holders = this.#held.get(key);
      holders?.delete(owner);
      if (holders?.size === 0) this.#held.delete(key);
    }
  }

  /** The holders that are in the way of an owner. */
  blockers(owner: Owner): Owner[] {
    const blockers = owner.conflicts === null ? new Set(this.#holders) : new Set(this.#whole);
    for (const key of owner.conflicts ?? []) for (const holder of this.#held.get(key) ?? []) blockers.add(holder);
    blockers.delete(owner);
    return [...blockers];
  }

  /** Whom an owner that waits has to wait for: holders, and older ones that wait for the same. */
  inWayOf(owner: Owner): Owner[] {
    const blockers = this.blockers(owner);
    for (const older of this.#waiting) {
      if (older === owner) break;
      if (isInConflict(older, owner)) blockers.push(older);
    }
    return blockers;
  }

  /** A test of keys: whether, as things are now, nobody holds or waits for one of them. */
  freeKeys(): (keys: readonly string[]) => boolean {
    const wanted = new Set<string>();
    let areAllWanted = this.#whole.size > 0;
    for (const { conflicts } of this.#waiting) {
      if (conflicts === null) areAllWanted = true;
      for (const key of conflicts ?? []) wanted.add(key);
    }
    return (keys) => !areAllWanted && !keys.some((key) => this.#held.has(key) || wanted.has(key));
  }

  /** Gives locks to all who can have them now, and returns these, the oldest first. */
  settle(): Owner[] {
    const granted: Owner[] = [];
    /** What those that go on waiting want. */
    const claimed = new Set<string>();
    let isAllClaimed = false;
    const isClaimed = ({ conflicts }: Owner): boolean =>
      isAllClaimed || (conflicts === null ? claimed.size > 0 : conflicts.some((key) => claimed.has(key)));
    for (const owner of this.#waiting) {
      if (!isClaimed(owner) && this.blockers(owner).length === 0) {
        this.take(owner);
        granted.push(owner);
        continue;
      }
      if (owner.conflicts === null) isAllClaimed = true;
      for (const key of owner.conflicts ?? []) claimed.add(key);
    }
    if (granted.length > 0) this.#waiting = this.#waiting.filter((owner) => !this.#holders.has(owner));
    return granted;
  }
}

function isInConflict({ conflicts: one }: LockOwner, { conflicts: other }: LockOwner): boolean {
  return one === null || other === null || one.some((key) => other.includes(key));
}

import { describe, expect, test } from "vitest";
import { LockTable } from "../../../src/core/two_phase_commit/lock_table.ts";

interface Owner {
  readonly name: string;
  readonly age: { readonly time: number; readonly replica: number };
  readonly conflicts: readonly string[] | null;
}

function owner(time: number, keys: string | null): Owner {
  return { name: `${time}`, age: { time, replica: 0 }, conflicts: keys === null ? null : [...keys] };
}

function names(owners: readonly Owner[]): string {
  return owners.map(({ name }) => name).join(" ");
}

function granted(table: LockTable<Owner>, ...owners: readonly Owner[]): string {
  for (const each of owners) table.request(each);
  return names(table.settle());
}

describe("a lock table", () => {
  test("gives locks on different keys at once, and on the same key one after the other, the oldest first", () => {
    const table = new LockTable<Owner>();
    const [first, second, third] = [owner(1, "ab"), owner(2, "b"), owner(3, "c")] as const;
    expect(granted(table, third, second, first)).toBe("1 3");
    expect(names(table.blockers(second))).toBe("1");
    table.release(first);
    expect(granted(table)).toBe("2");
    expect(table.waiting).toBe(0);
  });

  test("says which keys nobody holds or waits for", () => {
    const table = new LockTable<Owner>();
    const holder = owner(1, "a");
    expect(granted(table, holder, owner(2, "ab"))).toBe("1");
    const areFree = table.freeKeys();
    expect([areFree(["a", "c"]), areFree(["b"]), areFree(["c", "d"])]).toEqual([false, false, true]);
    expect(granted(table, owner(3, null))).toBe("");
    expect(table.freeKeys()(["c"])).toBe(false);
    const whole = new LockTable<Owner>();
    expect(granted(whole, owner(1, null))).toBe("1");
    expect(whole.freeKeys()(["c"])).toBe(false);
  });

  test("lets nobody overtake an older one that waits for a key of theirs", () => {
    const table = new LockTable<Owner>();
    const holder = owner(5, "a");
    expect(granted(table, holder)).toBe("5");
    expect(granted(table, owner(6, "ab"), owner(7, "b"), owner(8, "c"))).toBe("8");
    table.release(holder);
    expect(granted(table)).toBe("6");
  });

  test("gives everything to one at a time", () => {
    const table = new LockTable<Owner>();
    const key = owner(1, "a");
    const everything = owner(2, null);
    const none = owner(3, "");
    expect(granted(table, key)).toBe("1");
    expect(granted(table, everything, owner(4, "z"), none)).toBe("");
    table.release(key);
    expect(granted(table)).toBe("2");
    expect(names(table.blockers(none))).toBe("2");
    table.release(everything);
    expect(granted(table)).toBe("3 4");
  });

  test("forgets one that gives up while it waits", () => {
    const table = new LockTable<Owner>();
    const holder = owner(1, "a");
    const waiting = owner(2, "a");
    expect(granted(table, holder, waiting, owner(3, "a"))).toBe("1");
    table.release(waiting);
    table.release(holder);
    expect(granted(table)).toBe("3");
  });

  test("keeps a key locked until the last of several holders has let go, as after a restart", () => {
    const table = new LockTable<Owner>();
    const [one, two] = [owner(1, "a"), owner(2, "a")];
    table.take(one);
    table.take(two);
    table.release(one);
    expect(granted(table, owner(3, "a"))).toBe("");
    table.release(two);
    expect(granted(table)).toBe("3");
  });
});

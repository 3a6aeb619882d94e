import { describe, expect, test } from "vitest";
import { KvError } from "../../src/core/errors.ts";
import type { HeldLock } from "../../cli/kvclient/store.ts";
import { FakeStore, kvclient } from "./fakes.ts";

/** A lock that the test can lose. */
function fakeLock(): HeldLock & { releases: number; lose(): void } {
  const controller = new AbortController();
  return {
    key: "jobs/0123",
    token: 42,
    signal: controller.signal,
    releases: 0,
    release(): Promise<boolean> {
      this.releases++;
      return Promise.resolve(true);
    },
    lose: () => controller.abort(new KvError("LOCK_LOST", "it is gone")),
  };
}

function storeWith(held: FakeStore["held"]): FakeStore {
  const store = new FakeStore();
  store.held = held;
  return store;
}

describe("kvclient lock", () => {
  test("runs a command with the token, ends with its exit code, and releases the lock", async () => {
    const held = fakeLock();
    const store = storeWith(held);
    const args = ["lock", "jobs", "--ttl", "3s", "--wait", "1m", "--", "work", "--hard", "-x"];
    const { code, terminal } = await kvclient(args, {
      store,
      prepare: (terminal) => terminal.onCommand = (command) => command.end(17),
    });
    expect(code).toBe(17);
    expect(terminal.commands.map(({ command, env }) => ({ command, env }))).toEqual([{
      command: ["work", "--hard", "-x"],
      env: { KVPAXOS_LOCK_TOKEN: "42", KVPAXOS_LOCK_KEY: "jobs/0123" },
    }]);
    expect(store.locks).toMatchObject([{ name: "jobs", value: null, request: { ttl_ms: 3000, wait_ms: 60_000 } }]);
    expect([held.releases, store.closed]).toEqual([1, 1]);
  });

  test.each([[0, 1], [143, 143]])(
    "ends the command when the lock is lost; its code %i becomes %i",
    async (its, ours) => {
      const held = fakeLock();
      const { code, error, terminal } = await kvclient(["lock", "jobs", "--", "work"], {
        store: storeWith(held),
        prepare: (terminal) =>
          terminal.onCommand = (command) => {
            command.onSignal = () => command.end(its);
            setTimeout(() => held.lose(), 1);
          },
      });
      expect(code).toBe(ours);
      expect(terminal.commands[0]!.signals).toEqual(["SIGTERM"]);
      expect(error).toBe("kvclient: it is gone; ending the command\n");
      expect(held.releases).toBe(1);
    },
  );

  test("passes SIGTERM on and waits for the command, which Ctrl-C reaches by itself", async () => {
    const held = fakeLock();
    const { code, terminal } = await kvclient(["lock", "jobs", "--", "work"], {
      store: storeWith(held),
      prepare: (terminal) =>
        terminal.onCommand = (command) => {
          command.onSignal = () => setTimeout(() => command.end(3), 20);
          setTimeout(() => terminal.signal("SIGTERM"), 1);
        },
    });
    expect([code, held.releases]).toEqual([3, 1]);
    expect(terminal.commands[0]!.signals).toEqual(["SIGTERM"]);
  });

  test("ends with 6 when others hold the lock, 5 when no server answers, and 127 when there is no such command", async () => {
    const taken = await kvclient(["lock", "jobs", "--wait", "0s", "--", "work"]);
    expect([taken.code, taken.error, taken.terminal.commands]).toEqual([6, "kvclient: held by others\n", []]);
    const away = await kvclient(["lock", "jobs", "--", "work"], { store: storeWith(new KvError("UNAVAILABLE", "x")) });
    expect(away.code).toBe(5);
    const held = fakeLock();
    const missing = await kvclient(["lock", "jobs", "--", "wrok"], {
      store: storeWith(held),
      prepare: (terminal) => terminal.onCommand = (command) => command.fail(new Error("ENOENT")),
    });
    expect([missing.code, missing.error, held.releases]).toEqual([127, "kvclient: wrok: ENOENT\n", 1]);
  });

  test("is refused without a command", async () => {
    expect(await kvclient(["lock", "jobs"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("NAME -- COMMAND"),
    });
  });
});

describe("kvclient elect", () => {
  test("publishes a value, which it needs", async () => {
    const store = storeWith(fakeLock());
    expect((await kvclient(["elect", "jobs", "--value", "10.0.0.7", "--", "work"], { store })).code).toBe(0);
    expect(store.locks).toMatchObject([{ name: "jobs", value: "10.0.0.7", request: { ttl_ms: 10_000 } }]);
    const without = await kvclient(["elect", "jobs", "--", "work"], { store });
    expect(without).toMatchObject({ code: 2, error: expect.stringContaining("--value TEXT") });
  });
});

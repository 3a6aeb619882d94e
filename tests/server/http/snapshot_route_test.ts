import { describe, expect, test } from "vitest";
import { BackupReader, type BackupSummary } from "../../../src/adapters/backup/reader.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { put } from "../../core/kv/arbitraries.ts";
import { createFixture, type Fixture, problem } from "./http_fixture.ts";

function fill(fixture: Fixture, count: number, size = 1000): void {
  for (let i = 0; i < count; i++) fixture.store.execute(put(`key${i}`, "x".repeat(size)), 1);
}

function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** What a stream holds. Throws as a reader does. */
async function take(response: Response, store = new KVStore()): Promise<BackupSummary> {
  const sink = store.restore();
  const reader = new BackupReader("it", { onPart: (part) => sink.write(part) });
  for await (const chunk of response.body!) reader.write(chunk);
  const summary = reader.finish();
  sink.finish();
  return summary;
}

describe("GET /v1/snapshot", () => {
  test("gives the state of one revision, whatever is written while it is taken", async () => {
    const fixture = createFixture();
    fill(fixture, 1000);
    const [revision, hash] = [fixture.store.revision, fixture.store.hash()];
    const response = await fixture.request("GET", "/v1/snapshot");
    expect(response.headers.get("content-type")).toBe("application/vnd.kvpaxos.snapshot");
    expect(response.headers.get("kv-revision")).toBe(String(revision));
    fill(fixture, 500, 10);
    const copy = new KVStore();
    const { head, entries } = await take(response, copy);
    expect(head).toMatchObject({ product: "1.2.3", revision, keys: 1000 });
    expect(entries).toBe(1000);
    expect(copy.hash()).toBe(hash);
  });

  test("begins behind the barrier of a linearizable read", async () => {
    const fixture = createFixture({ slowBarriers: true });
    const asked = fixture.request("GET", "/v1/snapshot");
    fill(fixture, 3);
    expect((await take(await asked)).entries).toBe(3);
  });

  test("makes slices only as they are taken, and lets go when the reader leaves", async () => {
    const fixture = createFixture({ snapshotLimits: { slice_bytes: 1000, maxOpen: 1 } });
    fill(fixture, 1000);
    const response = await fixture.request("GET", "/v1/snapshot");
    for (let i = 0; i < 20; i++) await turn();
    // All that was not written yet is captured: nearly everything.
    fixture.store.execute({ type: "deleteRange", start: "" as never, end: null }, 2);
    expect(await problem(await fixture.request("GET", "/v1/snapshot"))).toMatchObject({ code: "UNAVAILABLE" });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    expect((await take(await fixture.request("GET", "/v1/snapshot"))).entries).toBe(0);
  });

  test("is given up, and says so, when too much has changed since it began", async () => {
    const fixture = createFixture({ snapshotLimits: { slice_bytes: 1000, maxHeld_bytes: 50_000 } });
    fill(fixture, 200);
    const response = await fixture.request("GET", "/v1/snapshot");
    fill(fixture, 200);
    await expect(take(response)).rejects.toThrow(/given up by the server: more than 50000 bytes have changed/);
  });

  test("is given up when nobody reads it, or the server closes", async () => {
    const clock = new ManualClock();
    const fixture = createFixture({ clock, snapshotLimits: { maxOpen: 2, stall_ms: 1000 } });
    fill(fixture, 10);
    const slow = await fixture.request("GET", "/v1/snapshot");
    clock.advance(999);
    const late = await fixture.request("GET", "/v1/snapshot");
    expect((await problem(await fixture.request("GET", "/v1/snapshot"))).detail).toMatch(/2 snapshots are being taken/);
    clock.advance(1);
    await expect(take(slow)).rejects.toThrow(/nothing was read for 1 seconds/);
    fixture.http.close();
    await expect(take(late)).rejects.toThrow(/it is closing/);
    expect((await fixture.request("GET", "/v1/snapshot")).status).toBe(503);
  });

  test("takes no parameters, and HEAD begins nothing", async () => {
    const fixture = createFixture({ snapshotLimits: { maxOpen: 0 } });
    expect((await fixture.request("GET", "/v1/snapshot?prefix=a")).status).toBe(400);
    expect((await fixture.request("HEAD", "/v1/snapshot")).status).toBe(200);
    expect(await problem(await fixture.request("GET", "/v1/snapshot"))).toMatchObject({ code: "UNAVAILABLE" });
  });
});

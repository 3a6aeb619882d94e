import { describe, expect, it } from "vitest";
import { claimPlace, PLACE_FILE } from "../../../src/server/cluster/place_file.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";

const peers = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];

describe("the file that says whose data a directory holds", () => {
  it("lets the same replica of the same list come back", () => {
    const disk = new MemoryDisk(new ManualClock());
    claimPlace(disk, { address: peers[0]!, peers });
    claimPlace(disk, { address: peers[0]!, peers });
    expect(disk.list()).toEqual([PLACE_FILE]);
  });

  it("refuses another replica, another list, and the same list in another order", () => {
    const disk = new MemoryDisk(new ManualClock());
    claimPlace(disk, { address: peers[0]!, peers });
    expect(() => claimPlace(disk, { address: peers[1]!, peers })).toThrow(/that of the replica 127\.0\.0\.1:1/);
    const longer = [...peers, "127.0.0.1:4", "127.0.0.1:5"];
    for (const list of [longer, peers.slice(0, 1), peers.toReversed()]) {
      expect(() => claimPlace(disk, { address: peers[0]!, peers: list })).toThrow(
        /cannot be changed; give the old one/,
      );
    }
  });

  it("is written again when it was left half-way, and not taken for anything when it is damaged", () => {
    const disk = new MemoryDisk(new ManualClock());
    disk.create(`${PLACE_FILE}.new`).close();
    claimPlace(disk, { address: peers[0]!, peers });
    expect(disk.list()).toEqual([PLACE_FILE]);
    disk.open(PLACE_FILE).write(0, new Uint8Array(5));
    expect(() => claimPlace(disk, { address: peers[0]!, peers })).toThrow(/not what a replica wrote/);
  });
});

import { describe, expect, test } from "vitest";
import { createMemoryTransports } from "../../src/adapters/memory_transport.ts";

/** Lets every microtask run. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}

describe("transports in memory", () => {
  test("deliver a copy in a later turn, in order, and say who sent it", async () => {
    const [a, b] = createMemoryTransports(2);
    const heard: [number, number[]][] = [];
    a!.listen({ onMessage: () => {} });
    b!.listen({ onMessage: (from, body) => void heard.push([from, [...body]]) });
    const body = new Uint8Array([1, 2]);
    a!.send(1, body);
    body.fill(9);
    a!.send(1, new Uint8Array([3]));
    expect(heard).toEqual([]);
    expect(a!.status()[0]).toMatchObject({ id: 1, isConnected: true, queued_bytes: 3, sentFrames: 2 });
    await turn();
    expect(heard).toEqual([[0, [1, 2]], [0, [3]]]);
    expect(a!.status()[0]).toMatchObject({ queued_bytes: 0 });
    expect(b!.status()[0]).toMatchObject({ id: 0, receivedFrames: 2 });
  });

  test("drop what is sent to a replica that does not listen, or not any more", async () => {
    const [a, b] = createMemoryTransports(2);
    a!.listen({ onMessage: () => {} });
    a!.send(1, new Uint8Array(1));
    let heard = 0;
    b!.listen({ onMessage: () => void heard++ });
    a!.send(1, new Uint8Array(1));
    b!.close();
    a!.send(1, new Uint8Array(1));
    await turn();
    expect(heard).toBe(0);
    expect(a!.status()[0]).toMatchObject({ isConnected: false, droppedFrames: 2 });
  });

  test("deliver nothing of a replica that has closed", async () => {
    const [a, b] = createMemoryTransports(2);
    let heard = 0;
    a!.listen({ onMessage: () => {} });
    b!.listen({ onMessage: () => void heard++ });
    a!.send(1, new Uint8Array(1));
    a!.close();
    a!.send(1, new Uint8Array(1));
    await turn();
    expect(heard).toBe(0);
  });

  test("refuse receivers that there are not, and a second owner", () => {
    const [a] = createMemoryTransports(2);
    expect(() => a!.send(0, new Uint8Array(1))).toThrow("replica 0 cannot send to 0");
    expect(() => a!.send(2, new Uint8Array(1))).toThrow("replica 0 cannot send to 2");
    a!.listen({ onMessage: () => {} });
    expect(() => a!.listen({ onMessage: () => {} })).toThrow("has a listener already");
    expect(() => createMemoryTransports(0)).toThrow("replicas is 0");
  });
});

/**
 * Ports for servers that are stopped and started again: below those that systems give to outgoing connections, which
 * could otherwise take a port while its server is away.
 *
 * @module
 */
import { createServer } from "node:net";

const LOWEST = 11_000;
const HIGHEST = 30_000;
/** Where servers have HTTP. */
const HTTP_OFFSET = 1000;

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}

/** Ports that are free right now, one after the other, each with its port + 1000. */
export async function freePorts(count: number): Promise<number[]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST - HTTP_OFFSET - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all([...ports, ...ports.map((port) => port + HTTP_OFFSET)].map(isFree));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`found no ${count} free ports in a row with those ${HTTP_OFFSET} above them`);
}

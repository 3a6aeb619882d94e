/**
 * A server by one call, whose code is loaded when it is called: whoever imports the library for its client or its core
 * does not wait for HTTP, logging and all the commands of the doors.
 *
 * @module
 */
import type { RunningServer, ServerOptions } from "./server.ts";

/**
 * Starts a server: recovers the data in `dataDir`, then listens.
 *
 * @throws {LogError} when the data cannot be used: damaged, written by a newer version, in use by another process
 * @throws {Error} of the operating system when a port cannot be listened on
 *
 * @example
 * ```ts
 * import { startServer } from "@x/kvpaxos";
 *
 * await using server = await startServer({ port: 0, httpPort: null, dataDir: null });
 * console.log(`listening on ${server.addresses.tcp.port}`);
 * ```
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = await import("./server.ts");
  return await server.startServer(options);
}

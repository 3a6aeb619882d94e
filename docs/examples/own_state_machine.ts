/**
 * A state machine of your own under Multi-Paxos: a queue of jobs on three replicas, which talk over TCP. The replicas
 * are in one process here, to have the example in one file; elsewhere each has its own, with a log on its disk.
 *
 * Prints:
 * replica 1 has put 2 jobs in
 * replica 2 takes "resize"
 * replica 3 takes "upload"
 * one of three is away: replica 2 takes nothing
 */
import { createServer, type Server } from "node:net";
import {
  MemoryLog,
  Paxos,
  type SnapshotSink,
  type SnapshotSource,
  type StateMachine,
  systemClock,
  systemRandom,
} from "@x/kvpaxos";
import { createTcpTransport, PEER_FIRST_BYTE } from "@x/kvpaxos/transport/tcp";

/** A queue: the command `+job` puts a job in, `-` takes the oldest one. The result is the job, or empty for none. */
class JobQueue implements StateMachine {
  #jobs: string[] = [];

  apply(command: Uint8Array): Uint8Array {
    const text = new TextDecoder().decode(command);
    if (text.startsWith("+")) this.#jobs.push(text.slice(1));
    return new TextEncoder().encode(text.startsWith("-") ? this.#jobs.shift() ?? "" : "");
  }

  query(): Uint8Array {
    return new TextEncoder().encode(String(this.#jobs.length));
  }

  snapshot(): SnapshotSource {
    const slices = [new TextEncoder().encode(JSON.stringify(this.#jobs))];
    return { next: () => slices.shift() ?? null, close: () => {} };
  }

  restore(): SnapshotSink {
    const decoder = new TextDecoder();
    let text = "";
    return {
      write: (slice) => void (text += decoder.decode(slice, { stream: true })),
      finish: () => void (this.#jobs = JSON.parse(text) as string[]),
    };
  }
}

const servers = [createServer(), createServer(), createServer()];
await Promise.all(
  servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))),
);
const portOf = (server: Server): number => (server.address() as { readonly port: number }).port;
const peers = servers.map((server) => ({ host: "127.0.0.1", port: portOf(server) }));

const replicas = servers.map((server, id) => {
  const transport = createTcpTransport({ id, peers, cluster: "job-queue" });
  server.on("connection", (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (head: Uint8Array) => {
      if (head[0] === PEER_FIRST_BYTE) transport.accept(socket, head);
      else socket.destroy();
    });
  });
  const [clock, random] = [systemClock, systemRandom];
  const log = new MemoryLog({ clock, random });
  return new Paxos({ id, replicas: 3, transport, log, clock, random, stateMachine: new JobQueue() });
});
await Promise.all(replicas.map((replica) => replica.start()));

/** Sends a command through a replica, counted from 1. Any of them will do. */
async function submit(replica: number, command: string): Promise<string> {
  return new TextDecoder().decode(await replicas[replica - 1]!.submit(new TextEncoder().encode(command)));
}

await submit(1, "+resize");
await submit(1, "+upload");
const length = new TextDecoder().decode(await replicas[0]!.read(new Uint8Array()));
console.log(`replica 1 has put ${length} jobs in`);
console.log(`replica 2 takes "${await submit(2, "-")}"`);
console.log(`replica 3 takes "${await submit(3, "-")}"`);
await replicas[2]!.close();
servers[2]!.close();
console.log(`one of three is away: replica 2 takes ${await submit(2, "-") || "nothing"}`);

await Promise.all(replicas.slice(0, 2).map((replica) => replica.close()));
for (const server of servers.slice(0, 2)) server.close();

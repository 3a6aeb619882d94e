/**
 * A relay on each link between two replicas, one way: it passes bytes on, or keeps them, or is slow, or is not there.
 * Each replica calls the others on a connection that carries frames one way, so a relay is one direction of a link (the
 * answers that it carries back are the welcome and signs of life).
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** What is wrong with a link. */
export type LinkTrouble =
  /** Bytes are taken and not passed on, as when a cable is cut: nobody is told. */
  | { readonly type: "cut" }
  /** Connections break and are refused. */
  | { readonly type: "broken" }
  /** Bytes arrive so much later. */
  | { readonly type: "delay"; readonly delay_ms: number }
  /** So many bytes pass a second. */
  | { readonly type: "throttle"; readonly bytes_s: number };

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** One direction of a link. */
export class Relay {
  #target: number;
  #server: Server | null = null;
  #trouble: LinkTrouble | null = null;
  readonly #pairs = new Set<Pair>();

  /** A relay to a port of this machine. */
  constructor(target: number) {
    this.#target = target;
  }

  /** Listens on a free port, and returns it. */
  open(): Promise<number> {
    const server = createServer((near) => this.#accept(near));
    this.#server = server;
    return new Promise((done, fail) => {
      server.once("error", fail);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        if (address === null || typeof address === "string") throw new Error("a relay has no port");
        done(address.port);
      });
    });
  }

  /** Begins a trouble, or ends it with null. What was kept by a cut is lost with its connection, as TCP would have it. */
  set(trouble: LinkTrouble | null): void {
    const was = this.#trouble;
    this.#trouble = trouble;
    const breaks = trouble?.type === "broken" || was?.type === "cut" && trouble?.type !== "cut";
    for (const pair of this.#pairs) {
      if (breaks) this.#close(pair);
      else if (trouble?.type === "cut") pair.near.pause();
    }
  }

  #accept(near: Socket): void {
    if (this.#trouble?.type === "broken") {
      near.on("error", () => {}).destroy();
      return;
    }
    const far = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    near.setNoDelay(true);
    const pair: Pair = { near, far };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      // Either end may go at any time; both go together.
      socket.on("error", () => this.#close(pair));
      socket.on("close", () => this.#close(pair));
    }
    near.on("data", (bytes: Uint8Array) => this.#pass(near, far, bytes));
    far.on("data", (bytes: Uint8Array) => this.#pass(far, near, bytes));
    if (this.#trouble?.type === "cut") near.pause();
  }

  #pass(from: Socket, to: Socket, bytes: Uint8Array): void {
    const trouble = this.#trouble;
    switch (trouble?.type) {
      case "cut":
        // What was read when the cut came: gone.
        return;
      case "delay":
        setTimeout(() => to.destroyed || to.write(bytes), trouble.delay_ms);
        return;
      case "throttle":
        from.pause();
        setTimeout(() => {
          if (!to.destroyed) to.write(bytes);
          from.resume();
        }, 1000 * bytes.length / trouble.bytes_s);
        return;
      default:
        if (to.write(bytes)) return;
        from.pause();
        to.once("drain", () => from.resume());
    }
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.near.destroy();
    pair.far.destroy();
  }

  /** Breaks everything. */
  close(): void {
    this.#server?.close();
    for (const pair of this.#pairs) this.#close(pair);
  }
}

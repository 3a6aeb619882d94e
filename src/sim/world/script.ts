/**
 * Scripted scenarios: a small world in which nothing is left to chance but what the script says, and a transcript of
 * what came of each step, which reads like prose and is compared with a golden one.
 *
 * @module
 */
import { stringCodec } from "../../client/codecs.ts";
import { KVClient } from "../../client/kv_client.ts";
import { KvError } from "../../core/errors.ts";
import type { HostFactory } from "./host.ts";
import { parseStep, ScriptError, type Step } from "./script_steps.ts";
import { addressOf } from "./sim_connector.ts";
import type { SimNode } from "./sim_node.ts";
import { Simulation, standaloneHost } from "./simulation.ts";
import { describeLine } from "./trace_listing.ts";

export { ScriptError } from "./script_steps.ts";

/** The world of a scenario. */
export interface ScriptOptions {
  /** How many servers there are. @default 1 */
  readonly replicas?: number;
  /** Decides what the script leaves open, such as which unsynced sectors a crash keeps. @default 1 */
  readonly seed?: number;
  /** Makes the servers. @default standaloneHost */
  readonly host?: HostFactory;
  /** How long an operation of a client may take, in milliseconds. @default 5000 */
  readonly deadline_ms?: number;
}

/** What ran, and what came of it. */
export interface ScriptResult {
  /** Every step, with what happened under it, indented, at its virtual time in milliseconds. */
  readonly transcript: string;
  /** The world as the scenario left it. */
  readonly simulation: Simulation;
}

/**
 * Runs a scenario.
 *
 * Clients c1, c2, … know all servers and start with the first. Messages flow by themselves as time ticks, unless the
 * scenario holds them (`hold`) and delivers or drops them one by one.
 *
 * @throws {ScriptError} when a step makes no sense or an `expect` is not met; the message names the line
 *
 * @example
 * ```ts
 * import { runScript } from "./script.ts";
 *
 * async function example(): Promise<void> {
 *   const { transcript } = await runScript(`
 *     c1 put colour blue
 *     tick 10
 *     expect c1 put colour blue: ok
 *     crash 1
 *     restart 1
 *     c1 get colour
 *     tick 1000
 *     expect c1 get colour: blue
 *   `);
 *   console.error(transcript);
 * }
 * void example;
 * ```
 */
export async function runScript(script: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const runner = new ScriptRunner(options);
  for (const [index, line] of script.split("\n").entries()) {
    const step = parseStep(line, index + 1);
    if (step !== null) await runner.run(step, line.trim(), index + 1);
  }
  return { transcript: runner.transcript, simulation: runner.simulation };
}

class ScriptRunner {
  readonly simulation: Simulation;
  #clients: KVClient<string>[] = [];
  #deadline_ms: number;
  #written: string[] = [];
  #seen = 0;

  constructor(options: ScriptOptions) {
    const { replicas = 1, seed = 1, host = standaloneHost, deadline_ms = 5000 } = options;
    this.simulation = new Simulation({ seed, replicas, faults: "none", host, keepTrace: true });
    this.#deadline_ms = deadline_ms;
  }

  get transcript(): string {
    return this.#written.join("\n");
  }

  async run(step: Step, text: string, line: number): Promise<void> {
    if (step.verb === "expect") {
      if (this.transcript.includes(step.text)) return;
      throw new ScriptError(line, `expected "${step.text}"; what happened:\n${this.transcript}`);
    }
    this.#written.push(text);
    const { simulation } = this;
    const now_ms = simulation.time.now_us / 1000;
    try {
      this.#do(step);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof Error && "path" in error)) throw error;
      throw new ScriptError(line, error.message, { cause: error });
    }
    await simulation.run(step.verb === "tick" ? now_ms + step.ms : now_ms);
    this.#writeNews();
  }

  #writeNews(): void {
    const { lines } = this.simulation.trace;
    for (const line of lines.slice(this.#seen)) {
      this.#written.push(`  ${(line.at_us / 1000).toFixed(3)} ${describeLine(line)}`);
    }
    this.#seen = lines.length;
  }

  #node(number: number): SimNode {
    const node = this.simulation.nodes[number - 1];
    if (node === undefined) throw new RangeError(`there is no server ${number}, only ${this.simulation.nodes.length}`);
    return node;
  }

  #client(number: number): KVClient<string> {
    const { simulation, simulation: { clock, nodes } } = this;
    for (let index = this.#clients.length; index < number; index++) {
      this.#clients.push(
        new KVClient({
          servers: nodes.map((node) => addressOf(node.id)),
          connector: simulation.connector(index),
          clock,
          random: simulation.random.fork(`client ${index}`),
          codec: stringCodec,
          deadline_ms: this.#deadline_ms,
        }),
      );
    }
    return this.#clients[number - 1]!;
  }

  #do(step: Step): void {
    const { simulation, simulation: { network, time } } = this;
    switch (step.verb) {
      case "hold":
        network.hold(true);
        return;
      case "flow":
        network.hold(false);
        return;
      case "heal":
        network.heal();
        return;
      case "deliver":
      case "drop":
        this.#decide(step.verb, step.link);
        return;
      case "crash":
      case "kill":
      case "stop":
      case "restart":
        this.#node(step.node)[step.verb]();
        return;
      case "tick":
      case "expect":
        return;
      case "partition": {
        const groupOf = (end: number): number => step.groups.findIndex((group) => group.includes(network.nameOf(end)));
        // Whoever is in no group is with everybody.
        network.cut((from, to) => {
          const [a, b] = [groupOf(from), groupOf(to)];
          return step.isOneWay ? a === 0 && b === 1 : a >= 0 && b >= 0 && a !== b;
        });
        return;
      }
      case "slowSync":
        this.#node(step.node).disk.slow_us = step.ms * 1000;
        return;
      case "failSync":
        this.#node(step.node).disk.failingSyncs = 1;
        return;
      case "fillDisk":
        this.#node(step.node).disk.writable = step.bytes;
        return;
      case "freeDisk":
        this.#node(step.node).disk.writable = Number.POSITIVE_INFINITY;
        return;
      case "pause":
        this.#node(step.node).clock?.pause(time.now_us + step.ms * 1000);
        return;
      case "jump":
        this.#node(step.node).clock?.jump(step.ms);
        return;
      case "flip":
        this.#node(step.node).disk.flipBit(step.file, step.offset);
        return;
      case "misdirect":
        this.#node(step.node).disk.misdirect(step.file, step.from, step.to, step.length);
        return;
      case "operation": {
        const what = `c${step.client} ${step.operation} ${step.key}${
          step.operation === "put" ? ` ${step.value}` : ""
        }:`;
        perform(this.#client(step.client), step).then(
          (outcome) => simulation.trace.append(what, outcome),
          (error: unknown) => simulation.trace.append(what, error instanceof KvError ? error.code : String(error)),
        );
      }
    }
  }

  #decide(verb: "deliver" | "drop", link: readonly [from: string, to: string] | null): void {
    const { network } = this.simulation;
    const isMeant = ({ from, to }: { from: number; to: number }): boolean =>
      link === null || (network.nameOf(from) === link[0] && network.nameOf(to) === link[1]);
    const meant = network.held.filter(isMeant);
    if (meant.length === 0) {
      const under = network.held.map(({ from, to, what }) => `${network.nameOf(from)}→${network.nameOf(to)} ${what}`);
      throw new RangeError(`no message waits there; those that do: ${under.join(", ") || "none"}`);
    }
    for (const message of link === null ? meant : meant.slice(0, 1)) message[verb]();
  }
}

async function perform(client: KVClient<string>, step: Extract<Step, { verb: "operation" }>): Promise<string> {
  const { key, value } = step;
  switch (step.operation) {
    case "put":
      return `ok, revision ${(await client.put(key, value)).revision}`;
    case "get":
      return (await client.get(key))?.value ?? "nothing";
    case "delete":
      return `${(await client.delete(key)).deleted} deleted`;
    case "increment":
      return String(await client.increment(key, BigInt(value)));
  }
}

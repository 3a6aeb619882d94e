/**
 * What servers of every kind say at `/metrics`, read by a parser that is not ours.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import parse, { type ParsedFamily } from "parse-prometheus-text-format";
import { type RunningServer, type ServerOptions, startServer } from "../../../src/server/server.ts";
import { freePorts } from "../../support/free_ports.ts";
import { InProcessCluster, until } from "../cluster/in_process.ts";

/** One line with a value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric, with all its lines; those of a histogram have names of their own. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: ParsedFamily["type"];
  readonly samples: readonly Sample[];
}

/** The text of `/metrics` of a server at an address like `http://127.0.0.1:33000`. */
export async function scrape(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`);
  if (response.status !== 200) throw new Error(`${url}/metrics: ${response.status} ${await response.text()}`);
  return await response.text();
}

/** The families in a text, by name. */
export function familiesOf(text: string): Map<string, Family> {
  // The parser puts histograms that differ in their labels into one. As plain samples they keep their labels.
  const plain = parse(text.replaceAll(/^# \w+ \S+_seconds .*\n/gm, ""));
  const samples = plain.flatMap(({ name, metrics }) => {
    return metrics.map(({ labels = {}, value }): Sample => ({ name, labels, value: Number(value) }));
  });
  return new Map(
    parse(text).map(({ name, help, type }) => {
      const names = type === "HISTOGRAM" ? ["bucket", "sum", "count"].map((end) => `${name}_${end}`) : [name];
      return [name, { name, help, type, samples: samples.filter((sample) => names.includes(sample.name)) }];
    }),
  );
}

/** The value of the sample with exactly these labels; undefined when there is none. */
export function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const textOf = (of: Sample["labels"]): string => {
    return Object.entries(of).map(([label, value]) => `${label}=${value}`).toSorted().join("\n");
  };
  const family = families.get(name) ?? families.get(name.replace(/_(count|sum|bucket)$/, ""));
  return family?.samples.find((sample) => sample.name === name && textOf(sample.labels) === textOf(labels))?.value;
}

/** A server that is alone, with a disk. */
export async function withServer(
  use: (server: RunningServer, url: string) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "kvpaxos-metrics-"));
  const server = await startServer({ port: 0, httpPort: null, dataDir, ...options });
  try {
    await use(server, `http://127.0.0.1:${server.addresses.http!.port}`);
  } finally {
    await server.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** What servers of each protocol say after a few requests. */
export async function scrapeEveryKind(): Promise<Readonly<Record<"none" | "paxos" | "2pc", string>>> {
  let none = "";
  await withServer(async (_, url) => {
    await use(url);
    none = await scrape(url);
  });
  return { none, paxos: await scrapeCluster("paxos", 3), "2pc": await scrapeCluster("2pc", 2) };
}

async function scrapeCluster(protocol: "paxos" | "2pc", replicas: number): Promise<string> {
  const ports = await freePorts(replicas);
  const cluster = new InProcessCluster(ports, () => ({ dataDir: null }), { protocol });
  try {
    await cluster.startAll();
    await until("a write goes through", async () => {
      return (await fetch(`${cluster.url(0)}/v1/kv/key`, { method: "PUT", body: "value" })).ok;
    });
    await use(cluster.url(0));
    return await scrape(cluster.url(0));
  } finally {
    await cluster.close();
  }
}

async function use(url: string): Promise<void> {
  await (await fetch(`${url}/v1/kv/key`, { method: "PUT", body: "value" })).text();
  await (await fetch(`${url}/v1/kv/key`)).text();
}

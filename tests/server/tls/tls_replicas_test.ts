/** Replicas that speak TLS with each other, and those who would like to pass for one. */
import type { TLSSocket } from "node:tls";
import { connect } from "node:tls";
import { configure, reset } from "@logtape/logtape";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TYPE_REFUSAL } from "../../../src/adapters/peers/frame.ts";
import { PEER_PATH } from "../../../src/adapters/peers/http_hello.ts";
import { decodeRefusal } from "../../../src/adapters/peers/hello.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../../src/server/server.ts";
import { helloOf, opening, watchFrames } from "../../contract/transport/raw_peer.ts";
import { createAuthority, type IssuedCertificate } from "../../support/certificates.ts";
import { freePorts } from "../../support/free_ports.ts";
import { until } from "../../support/resp_client.ts";
import { callTls, getPage, namesAt } from "./tls_caller.ts";

const authority = createAuthority("the replicas' authority");
const ca = authority.certificate;
const good = authority.issue({ names: ["127.0.0.1"] });
const stranger = createAuthority("the replicas' authority").issue({ names: ["127.0.0.1"] });
const stale = authority.issue({ names: ["127.0.0.1"], notAfter: new Date(Date.now() - 60_000) });
const app = authority.issue({ names: ["app.example"] });
const SECRET = "a secret of more than 16 characters";

const servers: RunningServer[] = [];
const logged: string[] = [];

beforeEach(async () => {
  await configure({
    reset: true,
    sinks: { memory: (record) => void logged.push(record.message.join("")) },
    loggers: [
      { category: ["kvpaxos"], lowestLevel: "debug", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "fatal", sinks: ["memory"] },
    ],
  });
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  logged.splice(0);
  await reset();
});

const of = ({ certificate, key }: IssuedCertificate): { readonly cert: string; readonly key: string } => ({
  cert: certificate,
  key,
});

interface ReplicasOptions {
  readonly transport?: "tcp" | "http";
  readonly threads?: number;
  /** What each replica has beside the usual. */
  readonly each?: (id: number) => Partial<ServerOptions>;
}

async function startReplicas(count: number, { transport = "tcp", threads = 1, each }: ReplicasOptions = {}) {
  const peers = (await freePorts(count)).map((port) => ({ host: "127.0.0.1", port }));
  const started = await Promise.all(peers.map(({ port }, id) =>
    startServer({
      port,
      httpPort: port + 1000,
      dataDir: null,
      closeDeadline_ms: 200,
      threads,
      tls: { ...of(good), ca },
      cluster: { id, peers, transport },
      ...each?.(id),
    })
  ));
  servers.push(...started);
  return started.map((server, id) => ({ server, port: peers[id]!.port }));
}

const ready = (replicas: readonly { readonly server: RunningServer }[]): Promise<unknown> =>
  Promise.all(replicas.map(({ server }) => server.ready()));

async function putAndGet(port: number, at: number): Promise<void> {
  const client = await callTls(port, { ca });
  expect(await client.ask("SET a 1\r\n")).toBe("+OK\r\n");
  client.socket.destroy();
  const other = await callTls(at, { ca });
  expect(await other.ask("GET a\r\n")).toBe("$1\r\n1\r\n");
  other.socket.destroy();
}

describe.each(["tcp", "http"] as const)("replicas that speak TLS over %s", (transport) => {
  test("agree, and go on with another certificate when the first is replaced", async () => {
    const replicas = await startReplicas(3, { transport });
    await ready(replicas);
    await putAndGet(replicas[0]!.port, replicas[2]!.port);
    const next = authority.issue({ names: ["127.0.0.1", "next.example"] });
    for (const { server } of replicas) server.replaceCertificate({ ...of(next), ca });
    await putAndGet(replicas[1]!.port, replicas[0]!.port);
    expect(await namesAt(replicas[0]!.port, ca)).toContain("next.example");
  });

  test("do not talk to one of another authority, and say so", async () => {
    const foreign = createAuthority("elsewhere");
    const alone = foreign.issue({ names: ["127.0.0.1"] });
    const replicas = await startReplicas(3, {
      transport,
      each: (id) => id === 2 ? { tls: { ...of(alone), ca: foreign.certificate } } : {},
    });
    await until(() => logged.some((line) => /^cannot reach .*certificate/i.test(line)), "it was said");
    expect(logged.join("\n")).not.toMatch(new RegExp(`connected to replica .*:${replicas[2]!.port}`));
  });

  test("with another cluster secret are not heard either", async () => {
    const replicas = await startReplicas(3, {
      transport,
      each: (id) => ({ clusterSecret: id === 2 ? `${SECRET}, another` : SECRET }),
    });
    await until(() => logged.some((line) => line.includes("another cluster secret")), "it was said");
    expect(logged.join("\n")).not.toMatch(new RegExp(`connected to replica .*:${replicas[2]!.port}`));
  });
});

test("replicas with several threads judge certificates that another thread has seen", async () => {
  if (process.platform !== "linux") return;
  const replicas = await startReplicas(3, { threads: 2 });
  await ready(replicas);
  await putAndGet(replicas[0]!.port, replicas[2]!.port);
  const refusals = await refusalsOf(replicas[0]!.port, {});
  expect(refusals).toContain("it showed no certificate");
});

/** What a replica answers to somebody with a certificate who says that it is another one, over TCP. */
async function refusalsOf(port: number, shown: object): Promise<string> {
  const peer = await callTls(port, { ca, ...shown });
  const seen = watchFrames(peer.socket, false);
  peer.socket.write(opening(helloOf("another-cluster", { from: 1, to: 0 })));
  await until(() => seen.length > 0 || peer.isClosed, "it was answered");
  peer.socket.destroy();
  return seen.map(({ type, body }) => type === TYPE_REFUSAL ? decodeRefusal(body).message : `type ${type}`).join();
}

describe("somebody who says that it is a replica", () => {
  const wrongs: readonly [what: string, shown: IssuedCertificate | null, why: RegExp][] = [
    ["no certificate", null, /it showed no certificate/],
    ["a certificate of another authority", stranger, /of no authority that is trusted here/],
    ["an expired certificate", stale, /its certificate has expired/],
    ["a certificate for another host", app, /for .*app\.example.*, and not for 127\.0\.0\.1/],
  ];

  test.each(wrongs)("and has %s is refused before it has said anything, and it is logged", async (_, shown, why) => {
    const port = await startFirstOfTwo();
    expect(await refusalsOf(port, shown === null ? {} : of(shown))).toMatch(why);
    await until(() => logged.some((line) => /^refused a call from .*127\.0\.0\.1/.test(line) && why.test(line)), "log");
    // Of the list of replicas it has learned nothing; who may speak learns what is wrong with what it says.
    expect(await refusalsOf(port, of(good))).toContain("another-cluster");
  });

  test.each(wrongs)("over HTTPS, and has %s, is refused as well", async (_, shown, why) => {
    const port = await startFirstOfTwo("http");
    const post = (own: object): Promise<string> => getPage(port + 1000, PEER_PATH, { ca, method: "POST", ...own });
    const refusal = await post(shown === null ? {} : of(shown));
    expect(refusal).toMatch(/^\d{3} .*"code":"UNAUTHENTICATED"/);
    expect(refusal).toMatch(why);
    // Whoever may speak has to say who it is.
    expect(await post(of(good))).toContain("the request lacks the headers");
  });

  test("is not taken for one because it takes up a session again", async () => {
    const port = await startFirstOfTwo();
    const session = await sessionOf(port);
    // Not every runtime hands out sessions.
    if (session === null) return;
    expect(await refusalsOf(port, { session })).toContain("it showed no certificate");
  });
});

/** Starts the first of two replicas, of which the other never starts. */
async function startFirstOfTwo(transport: "tcp" | "http" = "tcp"): Promise<number> {
  const peers = [{ host: "127.0.0.1", port: 1 }, { host: "127.0.0.1", port: 2 }];
  const [first] = await startReplicas(1, { each: (id) => ({ cluster: { id, peers, transport } }) });
  return first!.port;
}

/** A session of somebody without a certificate; null where there is none to be had. */
async function sessionOf(port: number): Promise<Uint8Array | null> {
  const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca, maxVersion: "TLSv1.3" });
  let session: Uint8Array | null = null;
  let isAnswered = false;
  socket.on("session", (one: Uint8Array) => void (session = one));
  socket.on("data", () => void (isAnswered = true));
  socket.on("error", () => socket.destroy());
  socket.write("PING\r\n");
  await until(() => isAnswered || socket.destroyed, "it was answered");
  socket.destroy();
  return session;
}

/** Clients that speak TLS, over every protocol that can: who is trusted, who is not, and what is said of the latter. */
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connect, type ConnectOptions } from "../../src/adapters/connect.ts";
import type { TlsOptions } from "../../src/adapters/tls/options.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { stringCodec } from "../../src/client/codecs.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import { KvError } from "../../src/core/errors.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { createAuthority } from "../support/certificates.ts";
import { openTlsDoor, type TlsDoor, type TlsDoorOptions } from "../support/tls_door.ts";

const HOUR_MS = 3_600_000;
/** A client that goes on until its deadline would go on for longer than a test may take. */
const NEVER_MS = 10 * 60_000;
const PROTOCOLS = ["tcp", "http", "rpc"] as const;
type TlsProtocol = typeof PROTOCOLS[number];

const authority = createAuthority("the authority");
const stranger = createAuthority("a stranger");
const NAMES = ["localhost", "127.0.0.1"];
const good = authority.issue({ names: NAMES });
const expired = authority.issue({ names: NAMES, notAfter: new Date(Date.now() - HOUR_MS) });
const early = authority.issue({ names: NAMES, notBefore: new Date(Date.now() + HOUR_MS) });
const elsewhere = authority.issue({ names: ["kv.example", "10.0.0.1"] });
const app = authority.issue({ names: ["app"], usage: "client" });
const foreign = stranger.issue({ names: ["app"], usage: "client" });
const trusting: TlsOptions = { ca: authority.certificate };

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ port: 0, httpPort: null, dataDir: null });
});
afterAll(() => server.close());

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function plainPort(protocol: TlsProtocol): number {
  return protocol === "tcp" ? server.addresses.tcp.port : server.addresses.http!.port;
}

/** A door of TLS before the server. */
async function door(protocol: TlsProtocol, options: TlsDoorOptions): Promise<TlsDoor> {
  const opened = await openTlsDoor(plainPort(protocol), options);
  ends.push(() => opened.close());
  return opened;
}

function client(
  protocol: TlsProtocol,
  ports: readonly number[],
  tls: ConnectOptions["tls"] = trusting,
  more: Partial<ConnectOptions> = {},
): KVClient<string> {
  const servers = ports.map((port): ServerAddress => ({ host: "127.0.0.1", port }));
  const made = connect({ servers, protocol, tls: tls!, codec: stringCodec, deadline_ms: NEVER_MS, ...more });
  ends.push(() => made.close());
  return made;
}

/** A port where `answer` is said to whoever says something, before the connection is closed. */
async function saying(answer: Uint8Array | null): Promise<number> {
  const listener = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => answer === null ? socket.end() : socket.end(answer));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => listener.close(resolve)));
  const address = listener.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function failureOf(operation: Promise<unknown>): Promise<KvError> {
  const error: unknown = await operation.then(() => null, (reason: unknown) => reason);
  if (error instanceof KvError) return error;
  throw new Error(`no KvError: ${String(error)}`);
}

describe.each(PROTOCOLS)("a client over TLS by %s", (protocol) => {
  test("reads, writes and watches through a server that it trusts", async () => {
    const { port } = await door(protocol, { shown: good });
    const kv = client(protocol, [port]);
    const watch = kv.watch({ prefix: `${protocol}/` });
    await watch.ready;
    await kv.put(`${protocol}/city`, "Zürich");
    expect((await kv.get(`${protocol}/city`))?.value).toBe("Zürich");
    expect((await watch.next()).value).toMatchObject({ type: "put", key: `${protocol}/city` });
    expect(await kv.get(`${protocol}/nothing`)).toBeNull();
    expect(await Promise.all(Array.from({ length: 100 }, (_, i) => kv.put(`${protocol}/${i}`, "v")))).toHaveLength(100);
    expect(await kv.count({ prefix: `${protocol}/` })).toBe(101);
    const large = "x".repeat(1024 * 1024);
    await kv.put("large", large);
    expect((await kv.get("large"))?.value === large).toBe(true);
  });

  test("keeps its connections", async () => {
    const opened = await door(protocol, { shown: good });
    const kv = client(protocol, [opened.port]);
    for (let i = 0; i < 30; i++) await kv.put("a", String(i));
    expect(opened.entered).toBeLessThan(5);
  });

  test("gives up what it was told to, and goes on", async () => {
    const { port } = await door(protocol, { shown: good });
    const kv = client(protocol, [port]);
    await kv.put("a", "1");
    const signal = AbortSignal.abort();
    expect((await failureOf(kv.get("a", { signal }))).code).toBe("ABORTED");
    const controller = new AbortController();
    const given = failureOf(kv.get("a", { signal: controller.signal }));
    controller.abort();
    expect((await given).code).toBe("ABORTED");
    expect((await kv.get("a"))?.value).toBe("1");
  });

  test("gives the server's authority a chain of several", async () => {
    const { port } = await door(protocol, { shown: good });
    const kv = client(protocol, [port], { ca: stranger.certificate + authority.certificate });
    expect((await kv.put("a", "1")).written).toBe(true);
  });

  test.each([
    [
      "of an authority that it does not trust",
      () => good,
      { ca: stranger.certificate },
      /no authority .*tls\.ca.*--tls-ca/,
    ],
    ["of an authority that nobody knows", () => good, true, /no authority .*tls\.ca.*--tls-ca/],
    ["that has expired", () => expired, trusting, /has expired|not valid at this time/],
    ["that is not valid yet", () => early, trusting, /not valid yet|not valid at this time/],
    ["for another name", () => elsewhere, trusting, /not for 127\.0\.0\.1, but for .*kv\.example.*--tls-server-name/],
    ["for another name than it was told", () => good, { ...trusting, serverName: "kv.example" }, /not for kv\.example/],
    [
      "for another address than it was told",
      () => good,
      { ...trusting, serverName: "10.0.0.1" },
      /not for 10\.0\.0\.1/,
    ],
  ])("does not speak to a server with a certificate %s", async (_, shown, tls, why) => {
    const { port } = await door(protocol, { shown: shown() });
    const kv = client(protocol, [port], tls);
    for (const operation of [kv.put("a", "1"), kv.get("a"), kv.watch().next()]) {
      const error = await failureOf(operation);
      expect(error).toMatchObject({ code: "TLS_FAILED", retryable: false });
      expect(error.message).toContain(`127.0.0.1:${port}: its certificate is`.slice(0, -3));
      expect(error.message).toMatch(why);
    }
  });

  test.each([["kv.example"], ["10.0.0.1"]])("takes the name %s for that of the server", async (serverName) => {
    const { port } = await door(protocol, { shown: elsewhere });
    const kv = client(protocol, [port], { ...trusting, serverName });
    expect((await kv.put("a", "1")).written).toBe(true);
  });

  test("calls a server by its name", async () => {
    const { port } = await door(protocol, { shown: good });
    const kv = connect({ servers: `localhost:${port}`, protocol, tls: trusting });
    ends.push(() => kv.close());
    expect((await kv.ping()).revision).toBeGreaterThanOrEqual(0);
  });

  test("says of a server without TLS that it has none", async () => {
    const port = plainPort(protocol);
    const error = await failureOf(client(protocol, [port]).put("a", "1"));
    expect(error.code).toBe("TLS_FAILED");
    expect(error.message).toMatch(new RegExp(`127.0.0.1:${port}: it does not speak TLS; leave tls out`));
  });

  test("passes over servers that it cannot trust", async () => {
    const { port } = await door(protocol, { shown: good });
    const [old, other] = [await door(protocol, { shown: expired }), await door(protocol, { shown: elsewhere })];
    const ports = [old.port, port, other.port, plainPort(protocol)];
    // Each begins somewhere else.
    for (let i = 0; i < 12; i++) {
      const kv = client(protocol, ports);
      expect((await kv.put("a", "1")).written).toBe(true);
      expect(kv.status().server.port).toBe(port);
    }
    const watch = client(protocol, ports).watch({ prefix: "w" });
    await watch.ready;
    await client(protocol, ports).put("w", "1");
    expect((await watch.next()).value).toMatchObject({ key: "w" });
  });

  test("waits for servers that are away, and says in the end which one it does not trust", async () => {
    const { port } = await door(protocol, { shown: expired });
    const error = await failureOf(client(protocol, [port, 1], trusting, { deadline_ms: 500 }).get("a"));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    expect(error.message).toMatch(new RegExp(`127.0.0.1:${port}: its certificate`));
  });

  test("shows its own certificate to a server that asks for one", async () => {
    const { port } = await door(protocol, { shown: good, clients: authority.certificate });
    const kv = client(protocol, [port], { ...trusting, cert: app.certificate, key: app.key });
    expect((await kv.put("a", "1")).written).toBe(true);
  });

  test.each([["TLSv1.3"], ["TLSv1.2"]] as const)("is told by %s that the server asks for one", async (version) => {
    const { port } = await door(protocol, { shown: good, clients: authority.certificate, maxVersion: version });
    const error = await failureOf(client(protocol, [port]).put("a", "1"));
    expect(error.code).toBe("TLS_FAILED");
    expect(error.message).toMatch(/127\.0\.0\.1:\d+: it refused the TLS connection \([a-zA-Z ]+\); .*--tls-cert FILE/);
  });

  test("says in the end that its own certificate may not be trusted", async () => {
    const { port } = await door(protocol, { shown: good, clients: authority.certificate });
    const tls = { ...trusting, cert: foreign.certificate, key: foreign.key };
    const error = await failureOf(client(protocol, [port], tls, { deadline_ms: 500 }).put("a", "1"));
    expect(error.message).toMatch(/it may not trust this client's certificate|refused this client's certificate/);
  });
});

describe("a client without TLS", () => {
  test("is told by a server that speaks it", async () => {
    const port = await saying(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 0x46));
    const error = await failureOf(client("tcp", [port], false).put("a", "1"));
    expect(error).toMatchObject({ code: "TLS_FAILED", retryable: false });
    expect(error.message).toContain(`127.0.0.1:${port}: it speaks TLS, and this client does not; connect with tls`);
  });

  test.each(PROTOCOLS)("by %s is told what it may be when nothing is answered", async (protocol) => {
    const ports = [await saying(null), (await door(protocol, { shown: good })).port];
    for (const port of ports) {
      const error = await failureOf(client(protocol, [port], false, { deadline_ms: 300 }).put("a", "1"));
      expect(error.message).toMatch(new RegExp(`127.0.0.1:${port}.* speaks TLS.*connect with tls`));
    }
  });
});

describe.each(PROTOCOLS)("a server of ours that speaks TLS, by %s", (protocol) => {
  /** The port of one. */
  async function ours(clientAuth: boolean): Promise<number> {
    const tls = { cert: good.certificate, key: good.key, ca: authority.certificate, clientAuth };
    const started = await startServer({ port: 0, httpPort: null, dataDir: null, tls });
    ends.push(() => started.close());
    return (protocol === "tcp" ? started.addresses.tcp : started.addresses.http!).port;
  }

  test("lets clients in that trust it, and tells the others", async () => {
    const port = await ours(false);
    expect((await client(protocol, [port]).put("a", "1")).written).toBe(true);
    expect((await failureOf(client(protocol, [port], true).get("a"))).code).toBe("TLS_FAILED");
    const plain = await failureOf(client(protocol, [port], false, { deadline_ms: 300 }).get("a"));
    expect(plain.message).toMatch(/speaks TLS.*connect with tls/);
  });

  test("lets clients in whose certificate it trusts, and no others", async () => {
    const port = await ours(true);
    const own = { ...trusting, cert: app.certificate, key: app.key };
    expect((await client(protocol, [port], own).put("a", "1")).written).toBe(true);
    const none = await failureOf(client(protocol, [port], trusting, { deadline_ms: 1000 }).get("a"));
    expect(none.message).toMatch(/asks for certificates of its clients, give tls\.cert and tls\.key/);
    const other = { ...trusting, cert: foreign.certificate, key: foreign.key };
    const refused = await failureOf(client(protocol, [port], other, { deadline_ms: 1000 }).get("a"));
    expect(refused.message).toMatch(/may not trust this client's certificate|refused this client's certificate/);
  });
});

describe("connect", () => {
  const text = /^tls\.|tls\.ca|tls\.cert|tls\.key|tls\.serverName/;
  test.each<[string, TlsOptions, RegExp]>([
    ["a path for an authority", { ca: "/etc/ca.pem" }, /no certificate in tls\.ca; a PEM file with -----BEGIN/],
    ["bytes for a text", { ca: new Uint8Array(10) as unknown as string }, /tls\.ca is no text; read the file as UTF-8/],
    ["no authority at all", { ca: "" }, /no certificate in tls\.ca/],
    [
      "a damaged authority",
      { ca: authority.certificate.replace("MII", "III") },
      /certificate in tls\.ca cannot be read/,
    ],
    ["a certificate without a key", { cert: app.certificate }, /tls\.cert without tls\.key/],
    ["a key without a certificate", { key: app.key }, /tls\.key without tls\.cert/],
    ["a key for a certificate", { cert: app.key, key: app.key }, /no certificate in tls\.cert/],
    ["a certificate for a key", { cert: app.certificate, key: app.certificate }, /no private key in tls\.key/],
    [
      "a damaged key",
      { cert: app.certificate, key: "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n" },
      /private key in tls\.key cannot be read/,
    ],
    ["a key of another", { cert: app.certificate, key: good.key }, /key in tls\.key is not that of the certificate/],
    ["an empty name", { serverName: "" }, /tls\.serverName is empty/],
    [
      "an encrypted key",
      { cert: app.certificate, key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" },
      /key in tls\.key is encrypted, .*; decrypt it: openssl pkey/,
    ],
  ])("refuses %s", (_, tls, why) => {
    const attempt = (): unknown => connect({ tls });
    expect(attempt).toThrow(KvError);
    expect(attempt).toThrow(why);
    expect(attempt).toThrow(text);
  });

  test("refuses TLS over UDP", () => {
    expect(() => connect({ protocol: "udp", tls: true })).toThrow(/no TLS over UDP; use tcp, http or rpc/);
  });

  test("takes true for the system's authorities and false for no TLS", async () => {
    await connect({ tls: true }).close();
    const kv = client("tcp", [plainPort("tcp")], false);
    expect((await kv.put("a", "1")).written).toBe(true);
  });
});

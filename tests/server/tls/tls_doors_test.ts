/** The doors of a server that speaks TLS, and those who try to get in by them otherwise. */
import { connect as connectPlain } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ServerIdentity } from "../../../src/adapters/tls/server_identity.ts";
import type { HttpServer } from "../../../src/adapters/http_serve.ts";
import { serveHttps } from "../../../src/adapters/https_serve.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../../src/server/server.ts";
import { startTcpServer, type TcpServer } from "../../../src/server/tcp_server.ts";
import { createAuthority, type IssuedCertificate } from "../../support/certificates.ts";
import { until } from "../../support/resp_client.ts";
import { testContext } from "../../support/resp_server.ts";
import { Caller, callPlain, callTls, getPage, helloOfTls11, namesAt } from "./tls_caller.ts";

const authority = createAuthority("the servers' authority");
const ca = authority.certificate;
const first = authority.issue({ names: ["127.0.0.1", "first.example"] });
const second = authority.issue({ names: ["127.0.0.1", "second.example"] });
const stranger = createAuthority("somebody else").issue({ names: ["127.0.0.1"] });
const stale = authority.issue({ names: ["127.0.0.1"], notAfter: new Date(Date.now() - 60_000) });
const PING = "PING\r\n";
const PONG = "+PONG\r\n";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const of = ({ certificate, key }: IssuedCertificate): { readonly cert: string; readonly key: string } => ({
  cert: certificate,
  key,
});

async function start(
  tls: Partial<ServerOptions["tls"]> = {},
  more: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  const server = await startServer({
    port: 0,
    httpPort: null,
    dataDir: null,
    closeDeadline_ms: 200,
    tls: { ...of(first), ca, ...tls },
    ...more,
  });
  closers.push(() => server.close());
  return server;
}

describe("a server with a certificate", () => {
  test("speaks TLS at its two ports, and has no port for datagrams", async () => {
    const { addresses: { tcp, http, udp } } = await start();
    const client = await callTls(tcp.port, { ca });
    expect(await client.ask("SET a 1\r\n")).toBe("+OK\r\n");
    expect(client.socket.getProtocol()).toMatch(/^TLSv1\.[23]$/);
    expect(await getPage(http!.port, "/v1/kv/a", { ca })).toBe("200 1");
    expect(udp).toBeNull();
    client.socket.destroy();
  });

  test("speaks TLS 1.2 with who knows no newer one, and no 1.1", async () => {
    const { addresses: { tcp, http } } = await start();
    const old = await callTls(tcp.port, { ca, maxVersion: "TLSv1.2" });
    expect(await old.ask(PING)).toBe(PONG);
    old.socket.destroy();
    for (const { port } of [tcp, http!]) {
      const older = await callPlain(port, helloOfTls11());
      await older.closed();
      // An alert, or nothing; never the record of a handshake.
      expect(older.received.charCodeAt(0)).not.toBe(22);
    }
  });

  test("closes plain connections at both ports without an answer, and goes on", async () => {
    const { addresses: { tcp, http } } = await start();
    for (const { port } of [tcp, http!]) {
      const plain = await (await callPlain(port, port === tcp.port ? PING : "GET /healthz HTTP/1.1\r\n\r\n")).closed();
      expect(plain.received).not.toContain("PONG");
      expect(plain.received).not.toContain("HTTP");
    }
    expect(await (await callTls(tcp.port, { ca })).ask(PING)).toBe(PONG);
    expect(await getPage(http!.port, "/healthz", { ca })).toMatch(/^200 /);
    const page = await getPage(http!.port, "/metrics", { ca });
    expect(page).toMatch(/^kvpaxos_tls_handshakes_failed_total 2$/m);
  });

  test("answers pipelined requests over HTTPS in their order, and large bodies whole", async () => {
    const { addresses: { http } } = await start();
    const client = await callTls(http!.port, { ca });
    const body = "x".repeat(300_000);
    const put = `PUT /v1/kv/big HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const get = "GET /v1/kv/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.socket.write(put + get);
    await client.closed();
    // Bun sends it in chunks, with their lengths between.
    expect(client.received.match(/x{5,}/g)?.join("")).toHaveLength(body.length);
    expect(client.received.match(/HTTP\/1\.1 20\d/g)).toHaveLength(2);
  });

  test("shows another certificate after it was replaced, while old connections live on", async () => {
    const server = await start();
    const { tcp, http } = server.addresses;
    const old = await callTls(tcp.port, { ca });
    const web = await callTls(http!.port, { ca });
    expect(await namesAt(tcp.port, ca)).toContain("first.example");
    server.replaceCertificate({ ...of(second), ca });
    for (const { port } of [tcp, http!]) expect(await namesAt(port, ca)).toContain("second.example");
    expect(await old.ask(PING)).toBe(PONG);
    expect(await web.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", (all) => all.includes("\r\n\r\n"))).toContain(
      "200",
    );
    for (const unusable of [of(stale), { cert: first.certificate, key: second.key }, { cert: "", key: "" }]) {
      expect(() => server.replaceCertificate({ ...unusable, ca })).toThrow(/tls\.(cert|key)/);
    }
    for (const { port } of [tcp, http!]) expect(await namesAt(port, ca)).toContain("second.example");
    expect(await getPage(http!.port, "/metrics", { ca })).toMatch(
      /^kvpaxos_tls_certificate_expiry_timestamp_seconds 1\d{9}$/m,
    );
    old.socket.destroy();
    web.socket.destroy();
  });

  test("with several threads has each of them speak TLS, and show the new certificate", async () => {
    if (process.platform !== "linux") return;
    const server = await start({}, { threads: 2 });
    const { port } = server.addresses.tcp;
    const clients = await Promise.all(Array.from({ length: 8 }, () => callTls(port, { ca })));
    for (const client of clients) expect(await client.ask(PING)).toBe(PONG);
    server.replaceCertificate({ ...of(second), ca });
    let shown: string[] = [];
    for (let i = 0; i < 200 && !(shown.length > 0 && shown.every((names) => names.includes("second"))); i++) {
      shown = await Promise.all(Array.from({ length: 8 }, () => namesAt(port, ca)));
    }
    expect(shown.every((names) => names.includes("second.example"))).toBe(true);
    for (const client of clients) {
      expect(await client.ask(PING)).toBe(PONG);
      client.socket.destroy();
    }
  });
});

describe("a server that asks its clients for certificates", () => {
  test("lets in who has one of its authority, and nobody else", async () => {
    const { addresses: { tcp, http } } = await start({ clientAuth: true });
    const good = authority.issue({ names: ["app"], usage: "client" });
    expect(await (await callTls(tcp.port, { ca, ...of(good) })).ask(PING)).toBe(PONG);
    expect(await getPage(http!.port, "/healthz", { ca, ...of(good) })).toMatch(/^200 /);
    const forServers = authority.issue({ names: ["app"], usage: "server" });
    for (const wrong of [{}, of(stranger), of(stale), of(forServers)]) {
      const refused = await callTls(tcp.port, { ca, ...wrong });
      refused.socket.write(PING);
      await refused.closed();
      expect(refused.received).toBe("");
      expect(await getPage(http!.port, "/healthz", { ca, ...wrong })).not.toMatch(/^\d{3} /);
    }
  });
});

describe("handshakes that stand still", () => {
  async function door(
    maxConnections: number,
    handshakeTimeout_ms = 400,
  ): Promise<{ readonly server: TcpServer; readonly notices: string[] }> {
    const notices: string[] = [];
    const { context } = testContext({ notices });
    const tls = new ServerIdentity(of(first), null);
    const server = await startTcpServer({
      host: "127.0.0.1",
      port: 0,
      context,
      tls,
      maxConnections,
      handshakeTimeout_ms,
    });
    closers.push(() => server.close(200));
    return { server, notices };
  }

  test("take the places of clients, and give them back when their time is over", async () => {
    const { server, notices } = await door(2);
    const held = [
      await callPlain(server.port, Uint8Array.of(22, 3, 1)),
      await callPlain(server.port, new Uint8Array(0)),
    ];
    await until(() => true, "they are there");
    const late = await callTls(server.port, { ca });
    late.socket.write(PING);
    await late.closed();
    expect(late.received).toContain("max number of clients");
    for (const one of held) await one.closed();
    const client = await callTls(server.port, { ca });
    expect(await client.ask(PING)).toBe(PONG);
    expect(notices.join("\n")).toContain("did not finish the handshake");
    client.socket.destroy();
  });

  test("do not hold up a server that closes", async () => {
    const { server } = await door(10, 60_000);
    const held = await callPlain(server.port, Uint8Array.of(22, 3, 1));
    await server.close(60_000);
    await held.closed();
  });

  test("are ended over HTTPS, too, as are requests that are never said", async () => {
    const notices: string[] = [];
    const web: HttpServer = await serveHttps({
      fetch: () => new Response("hello"),
      host: "127.0.0.1",
      port: 0,
      idle_ms: 500,
      maxConnections: 2,
    }, {
      identity: new ServerIdentity(of(first), null),
      hearsReplicas: false,
      onFailed: () => {},
      notice: (message) => void notices.push(message),
      handshakeTimeout_ms: 400,
    });
    closers.push(() => web.close(200));
    const held = await callPlain(web.port, Uint8Array.of(22, 3, 1));
    const slow = await callTls(web.port, { ca });
    slow.socket.write("GET / HT");
    // Both places are taken.
    const third = await new Promise<Caller>((resolve) => {
      const caller = new Caller(connectPlain({ host: "127.0.0.1", port: web.port }));
      caller.socket.once("close", () => resolve(caller));
    });
    expect(third.received).toBe("");
    await held.closed();
    await slow.closed();
    expect(slow.received).not.toContain("hello");
    expect(await getPage(web.port, "/", { ca })).toBe("200 hello");
    expect(notices.join("\n")).toContain("the HTTP door refused a connection from 127.0.0.1");
  });
});

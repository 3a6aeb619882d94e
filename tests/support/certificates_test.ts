import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { type CertificateAuthority, createAuthority, type IssuedCertificate } from "./certificates.ts";

const authority = createAuthority("the tests' authority");
const good = authority.issue({ names: ["localhost", "127.0.0.1"] });

describe("a certificate of a trusted authority", () => {
  test("is accepted for each of its names", async () => {
    expect(await call(good, authority, "localhost")).toBe("accepted");
    expect(await call(good, authority, "127.0.0.1")).toBe("accepted");
  });

  test("is refused for a name that it does not have", async () => {
    const elsewhere = authority.issue({ names: ["elsewhere.example", "10.0.0.1"] });
    expect(await call(elsewhere, authority, "localhost")).not.toBe("accepted");
    expect(await call(elsewhere, authority, "127.0.0.1")).not.toBe("accepted");
  });

  test("is refused when it has expired, and when it is not valid yet", async () => {
    const names = ["localhost"];
    const expired = authority.issue({ names, notAfter: new Date(Date.now() - 60_000) });
    const early = authority.issue({ names, notBefore: new Date(Date.now() + 3_600_000) });
    expect(await call(expired, authority, "localhost")).not.toBe("accepted");
    expect(await call(early, authority, "localhost")).not.toBe("accepted");
  });

  test("is refused by who trusts another authority, even one of the same name", async () => {
    expect(await call(good, createAuthority("the tests' authority"), "localhost")).not.toBe("accepted");
  });

  test("is refused as a server's when it is for callers only", async () => {
    const caller = authority.issue({ names: ["localhost"], usage: "client" });
    expect(await call(caller, authority, "localhost")).not.toBe("accepted");
  });
});

test("a certificate says what was asked for", () => {
  const notAfter = new Date("2051-02-03T04:05:06Z");
  const names = ["db-0.example", "::1", "fd00::1:2", "127.0.0.1"];
  const { certificate } = authority.issue({ names, notAfter });
  const read = new X509Certificate(certificate);
  expect(new Date(read.validTo)).toEqual(notAfter);
  expect(read.checkHost("db-0.example")).toBe("db-0.example");
  expect(read.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(read.checkIP("::1")).toBe("::1");
  expect(read.checkIP("fd00::1:2")).toBe("fd00::1:2");
  expect(read.checkIP("fd00::1:3")).toBeUndefined();
  expect(read.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
});

/** Calls a server that shows the certificate, as `name`, and says what the caller thinks of it. */
async function call(shown: IssuedCertificate, trusted: CertificateAuthority, name: string): Promise<string> {
  const server = createServer({ cert: shown.certificate, key: shown.key }, (socket: TLSSocket) => {
    socket.on("error", () => {});
    socket.resume();
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise<string>((resolve) => {
      const socket = connect({ host: name, port, ca: trusted.certificate });
      socket.once("secureConnect", () => {
        resolve("accepted");
        socket.destroy();
      });
      socket.once("error", (error: Error) => {
        resolve(String(error));
        socket.destroy();
      });
    });
  } finally {
    server.close();
  }
}

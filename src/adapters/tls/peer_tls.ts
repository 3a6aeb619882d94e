/**
 * TLS between replicas: each shows its certificate to the other, whoever calls, and each must be for the name or address
 * by which the list of replicas knows the other.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { Agent as PlainAgent, ClientRequest, RequestOptions } from "node:http";
import { Agent, request } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import type { ServerAddress } from "../../client/connection.ts";
import type { PeerTls } from "../peers/peer_tls.ts";
import type { CallerCertificate } from "./caller_certificate.ts";
import type { ServerIdentity } from "./server_identity.ts";
import { isFor, namesOf } from "./server_texts.ts";

/** The TLS of one replica with the others. */
export function createPeerTls(identity: ServerIdentity): PeerTls {
  return {
    call: ({ host, port }: ServerAddress): Socket => connect({ host, port, ...callerSettings(identity, host) }),
    agent: (): PlainAgent => new Agent({ keepAlive: true, maxSockets: 1 }),
    request: (options: RequestOptions): ClientRequest => {
      return request({ ...options, ...callerSettings(identity, String(options.host)) });
    },
    troubleWith: (certificate, hosts) => {
      if (certificate === undefined) return "it does not speak TLS";
      return certificate.trouble ?? nameTrouble(certificate, hosts);
    },
  };
}

function callerSettings(identity: ServerIdentity, host: string): ConnectionOptions {
  const { cert, key, ca } = identity.texts;
  return {
    cert,
    key,
    ...(ca === undefined || ca === null ? {} : { ca }),
    minVersion: "TLSv1.2",
    // An address cannot be asked for (RFC 6066, section 3), only found in the certificate.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
}

function nameTrouble({ der }: CallerCertificate, hosts: readonly string[]): string | null {
  const certificate = new X509Certificate(der);
  if (hosts.some((host) => isFor(certificate, host))) return null;
  return `its certificate is for ${namesOf(certificate)}, and not for ${hosts.join(" or ")}`;
}

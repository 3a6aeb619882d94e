/**
 * The runtime's modules for sockets, loaded when the first of them is made: on Bun that takes longer than the whole of a
 * client, and not everybody who imports one connects, or connects over TCP.
 *
 * @module
 */
import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

/** `node:net`. */
export function net(): typeof import("node:net") {
  return load("node:net") as typeof import("node:net");
}

/** `node:dgram`. */
export function dgram(): typeof import("node:dgram") {
  return load("node:dgram") as typeof import("node:dgram");
}

/** `node:tls`. */
export function tls(): typeof import("node:tls") {
  return load("node:tls") as typeof import("node:tls");
}

/** `node:https`. */
export function https(): typeof import("node:https") {
  return load("node:https") as typeof import("node:https");
}

/** `node:stream`. */
export function stream(): typeof import("node:stream") {
  return load("node:stream") as typeof import("node:stream");
}

/** `node:crypto`, for the certificates and keys of TLS. */
export function certificates(): typeof import("node:crypto") {
  return load("node:crypto") as typeof import("node:crypto");
}

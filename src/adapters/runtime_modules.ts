/**
 * Modules of the runtime that an `import` would make dear to everybody who imports the library. On Bun those for sockets
 * take longer to load than the whole of a client, and not everybody who imports one connects, or connects over TCP: they
 * are loaded when the first socket is made. On Node an `import` of `node:fs` or `node:process` reads every property of it,
 * and so loads streams as well, a sixth of what the library takes: these are loaded without.
 *
 * @module
 */
import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

/** `node:fs`. */
export function files(): typeof import("node:fs") {
  return load("node:fs") as typeof import("node:fs");
}

/** `node:process`. */
export function thisProcess(): typeof import("node:process") {
  return load("node:process") as typeof import("node:process");
}

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

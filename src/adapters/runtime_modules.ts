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

/** What there is of them, by name. */
interface RuntimeModules {
  readonly "node:crypto": typeof import("node:crypto");
  readonly "node:dgram": typeof import("node:dgram");
  readonly "node:fs": typeof import("node:fs");
  readonly "node:https": typeof import("node:https");
  readonly "node:net": typeof import("node:net");
  readonly "node:process": typeof import("node:process");
  readonly "node:stream": typeof import("node:stream");
  readonly "node:tls": typeof import("node:tls");
}

/** A module of the runtime, loaded when it is asked for the first time. */
export function runtimeModule<Name extends keyof RuntimeModules>(name: Name): RuntimeModules[Name] {
  return load(name) as RuntimeModules[Name];
}

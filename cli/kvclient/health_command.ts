/**
 * `health`: whether servers take requests, for the health checks of containers and for scripts that wait for a server.
 *
 * @module
 */
import { EXIT } from "../exit_code.ts";
import { type Context, writeJson, writeLine } from "./context.ts";
import type { Store } from "./store.ts";

/** `health` */
export async function health({ terminal, json, signal }: Context, store: Store): Promise<number> {
  const healths = await store.health(signal);
  const isReady = healths.every(({ unready }) => unready === null);
  if (json) {
    await writeJson(terminal, healths.map(({ server, unready }) => ({ server, ready: unready === null, unready })));
  } else {
    for (const { server, unready } of healths) {
      await writeLine(terminal, unready === null ? `${server} is ready` : `${server} is not ready: ${unready}`);
    }
  }
  return isReady ? EXIT.done : EXIT.unavailable;
}

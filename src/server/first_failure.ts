/**
 * What ends a server may happen in several places, and before anybody asks for it.
 *
 * @module
 */
import type { KvError } from "../core/errors.ts";

/** The first of the failures that end a server, for those who ask before and after. */
export class FirstFailure {
  #error: KvError | null = null;
  #callbacks: ((error: KvError) => void)[] = [];

  /** Something failed; only the first time counts. */
  tell(error: KvError): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (const callback of this.#callbacks.splice(0)) callback(error);
  }

  /** Calls back once, at once if it has happened. */
  hear(callback: (error: KvError) => void): void {
    if (this.#error === null) this.#callbacks.push(callback);
    else callback(this.#error);
  }
}

/**
 * What the signals mean to a program that serves: the first asks to stop, the second does not ask.
 *
 * @module
 */
import type { Terminal } from "../terminal.ts";

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** The signals that ask to stop. */
export type StopSignal = keyof typeof SIGNAL_NUMBERS;

/** A wish to stop. */
export interface StopRequest {
  /** Resolves at the first signal. */
  readonly requested: Promise<void>;
  /** Leaves the signals alone again. */
  release(): void;
}

/** The first signal asks to stop, the second ends the process as the signal itself would, after `onSecond`. */
export function stopOnSignals(
  terminal: Terminal,
  onFirst: (signal: StopSignal) => void,
  onSecond: () => void = () => {},
): StopRequest {
  const releases: (() => void)[] = [];
  const requested = new Promise<void>((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      releases.push(terminal.onSignal(signal, () => {
        if (asked) {
          onSecond();
          terminal.exit(128 + SIGNAL_NUMBERS[signal]);
          return;
        }
        asked = true;
        onFirst(signal);
        resolve();
      }));
    }
  });
  return {
    requested,
    release: () => {
      for (const release of releases) release();
    },
  };
}

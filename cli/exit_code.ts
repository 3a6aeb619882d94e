/**
 * How the programs end. The codes are part of the command line's contract: scripts test them.
 *
 * @module
 */

/** The exit codes of both programs. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  absent: 3,
  unavailable: 5,
  compareFailed: 6,
} as const;

/** What the codes of any program mean, for help. */
export const COMMON_EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, "done"],
  [EXIT.failed, "failed"],
  [EXIT.usage, "wrong usage"],
];

/** What the codes of a client mean, for help. */
export const CLIENT_EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  ...COMMON_EXIT_CODES,
  [EXIT.absent, "the key is absent"],
  [EXIT.unavailable, "no server could take the request in time"],
  [EXIT.compareFailed, "the comparison failed, nothing was written; or others hold the lock"],
];

/** A command line that cannot be understood. The message says what is wrong and how to mend it. Ends with code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A program that must end with a message and a code, such as a server that cannot start. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: number;

  constructor(message: string, code: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * How many threads a server may be given: here by itself, because the table of flags needs it where no server is loaded.
 *
 * @module
 */

/** The most threads that a server may be given. */
export const MAX_THREADS = 64;

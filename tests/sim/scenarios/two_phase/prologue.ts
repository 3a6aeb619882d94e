/**
 * How the scenarios of two-phase commit begin.
 *
 * @module
 */

/** Three replicas know each other; c1 writes at 1, c2 at 2 and c3 at 3. */
export const THREE_WRITERS: string = `
  tick 500
  c1 uses 1
  c2 uses 2
  c3 uses 3
  c1 put first 1
  wait 1000 for c1 put first 1: ok
  c2 put second 2
  wait 1000 for c2 put second 2: ok
  c3 put third 3
  wait 1000 for c3 put third 3: ok
  tick 100
`;

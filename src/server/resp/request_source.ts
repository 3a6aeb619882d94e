/**
 * Where a connection takes its requests from: a parser of what its wire brings, or what the parser of another thread has
 * made of that.
 *
 * @module
 */

/**
 * Cuts what is fed into requests. After {@link feed}, `while (source.next()) { …; source.consume(); }`, then
 * {@link settle} before the turn ends.
 */
export interface RequestSource {
  /** The memory that the arguments of the present request are in. Valid until {@link settle}. */
  readonly source: Uint8Array;
  /** How many arguments the present request has, its name included. */
  readonly count: number;
  /** Where each argument starts in {@link source}. */
  readonly starts: readonly number[];
  /** Where each argument ends in {@link source}. */
  readonly ends: readonly number[];
  /** The bytes that the present request takes, framing included. */
  readonly commandBytes: number;
  /** How many bytes are held and not consumed. */
  readonly buffered: number;
  /** Whether the client has yet to give the password: then only small requests are taken. */
  limited: boolean;

  /** Takes bytes. They are looked at until {@link settle}, which copies what is left of them. */
  feed(chunk: Uint8Array): void;

  /**
   * Whether a whole request is there. It stays the present one until {@link consume}.
   *
   * @throws {ProtocolError} when the bytes make no sense, or break a limit; the source is of no use afterwards
   */
  next(): boolean;

  /** The arguments of the present request, as views of {@link source}. */
  args(): Uint8Array[];

  /** Is done with the present request. */
  consume(): void;

  /** Copies what is left of the bytes that were fed, whose memory may then be used again. */
  settle(): void;
}

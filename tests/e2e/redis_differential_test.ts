/** The same commands to a real Redis 7 and to our server: the replies must be the same bytes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences } from "./redis_differential/compare.ts";
import { RawClient } from "./redis_differential/raw_client.ts";
import { randomCommands } from "./redis_differential/random_commands.ts";
import { SEQUENCES, words } from "./redis_differential/sequences.ts";
import { type OurServer, redisMissing, RedisProcess, startOurServer } from "./redis_differential/servers.ts";

const missing = redisMissing();
const SEEDS = 10;
const COMMANDS_PER_SEED = 600;
/** So many commands are sent without waiting for replies. */
const PIPELINE = 100;

// Without a Redis there is nothing to compare with; the title says which it was.
describe.skipIf(missing !== null)(
  `replies compared with Redis${missing === null ? "" : ` (skipped: ${missing})`}`,
  () => {
    let redis: RedisProcess;
    let server: OurServer;
    let theirs: RawClient;
    let ours: RawClient;

    beforeAll(async () => {
      redis = await RedisProcess.start();
      server = await startOurServer();
      theirs = await RawClient.connect(redis.port);
      ours = await RawClient.connect(server.port);
    });

    afterAll(async () => {
      theirs?.close();
      ours?.close();
      await server?.close();
      await redis?.stop();
    });

    async function compare(commands: readonly (readonly string[])[], pipeline: number): Promise<void> {
      await Promise.all([ours.send([["FLUSHALL"]]), theirs.send([["FLUSHALL"]])]);
      const replies: [string[], string[]] = [[], []];
      for (let at = 0; at < commands.length; at += pipeline) {
        const some = commands.slice(at, at + pipeline);
        const [a, b] = await Promise.all([ours.send(some), theirs.send(some)]);
        replies[0].push(...a);
        replies[1].push(...b);
      }
      expect(differences(commands, replies[0], replies[1])).toEqual([]);
    }

    for (const protocol of ["2", "3"]) {
      describe(`in RESP${protocol}`, () => {
        beforeAll(async () => {
          for (const client of [ours, theirs]) await client.send([["HELLO", protocol]]);
        });

        for (const [name, lines] of Object.entries(SEQUENCES)) {
          test(`${name}: the same, pipelined`, () => compare(lines.map(words), PIPELINE));
        }

        for (const name of ["SET and GET", "GETEX", "MULTI", "TTL and its kin"]) {
          test(`${name}: the same, one command at a time`, () => compare(SEQUENCES[name]!.map(words), 1));
        }

        for (let seed = 1; seed <= SEEDS; seed++) {
          test(`random commands of seed ${seed}: the same`, () =>
            compare(randomCommands(seed * 2 + Number(protocol), COMMANDS_PER_SEED), PIPELINE));
        }
      });
    }

    describe("differs on purpose:", () => {
      /** What both reply to the last of `lines`, after an empty start. */
      async function lastReplies(lines: readonly string[]): Promise<[ours: string, theirs: string]> {
        const commands = ["FLUSHALL", ...lines].map(words);
        const [a, b] = await Promise.all([ours.send(commands), theirs.send(commands)]);
        return [a.at(-1)!, b.at(-1)!];
      }

      const INTENDED: readonly [what: string, lines: readonly string[], ours: RegExp, redis: RegExp][] = [
        ["a key has at least one byte", ['SET "" v'], /^-ERR the key is empty/, /^\+OK/],
        ["a key is at most 4,096 bytes long", [`SET ${"k".repeat(4097)} v`], /^-ERR key of 4097 bytes/, /^\+OK/],
        ["a value is at most 1 MiB long", ["SETRANGE k 1048576 x"], /^-ERR string exceeds maximum allowed size/, /^:/],
        [
          "times are kept up to 2^53 − 1 milliseconds",
          ["SET k v PXAT 9223372036854770000", "PEXPIRETIME k"],
          /^:9007199254740991\r/,
          /^:9223372036854770000\r/,
        ],
        [
          "INCRBYFLOAT keeps all digits instead of 64 bits of them",
          ["SET k 9223372036854775807", "INCRBYFLOAT k 2.25"],
          /9223372036854775809\.25/,
          /9223372036854775809\r/,
        ],
        ["INCRBYFLOAT takes no hexadecimal", ["INCRBYFLOAT k 0x10"], /^-ERR value is not a valid float/, /^\$2\r\n16/],
        ["SCAN knows only cursors that it gave out", ["SCAN 12345"], /^-ERR unknown cursor 12345/, /^\*2/],
        [
          "OBJECT ENCODING goes by the value alone, not by how it came about",
          ["APPEND k 1", "APPEND k 2", "OBJECT ENCODING k"],
          /int/,
          /raw/,
        ],
        [
          "bytes in a range of a pattern compare unsigned",
          ['SET "\\xc3" v', 'KEYS "[\\x80-\\xff]"', 'SET "\\x7f" v', 'KEYS "[a-\\xff]"'],
          /^\*2/,
          /^\*0/,
        ],
      ];
      for (const [what, lines, expectedOurs, expectedRedis] of INTENDED) {
        test(what, async () => {
          const [a, b] = await lastReplies(lines);
          expect(a).toMatch(expectedOurs);
          expect(b).toMatch(expectedRedis);
        });
      }
    });
  },
);

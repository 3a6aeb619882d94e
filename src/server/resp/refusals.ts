/**
 * Why a command is refused before it is planned, in the order and the words of Redis 7: not known, the wrong
 * number of arguments, no password yet, no place for it.
 *
 * @module
 */
import { bytesToText } from "../../codec/bytes.ts";
import type { CommandSpec } from "./command_spec.ts";
import type { RespConnection } from "./connection.ts";

/** How much of a name or of the arguments an error repeats. */
const QUOTED_CHARACTERS = 128;

const STRINGS_ONLY = "kvpaxos stores strings only";

/** Redis commands that there will not be, by the reason. */
const UNSUPPORTED: readonly (readonly [reason: string, names: string])[] = [
  [
    STRINGS_ONLY,
    "lpush rpush lpushx rpushx lpop rpop llen lrange lindex linsert lset lrem ltrim lpos lmove lmpop blpop brpop blmove " +
    "blmpop rpoplpush brpoplpush hset hsetnx hmset hget hmget hgetall hdel hlen hstrlen hkeys hvals hexists hincrby " +
    "hincrbyfloat hrandfield hscan sadd srem smembers sismember smismember scard spop srandmember smove sinter " +
    "sintercard sinterstore sunion sunionstore sdiff sdiffstore sscan zadd zrem zscore zmscore zincrby zcard zcount " +
    "zrange zrangestore zrangebyscore zrangebylex zrevrange zrevrangebyscore zrevrangebylex zrank zrevrank zlexcount " +
    "zpopmin zpopmax zmpop bzpopmin bzpopmax bzmpop zrandmember zunion zunionstore zinter zintercard zinterstore zdiff " +
    "zdiffstore zremrangebyrank zremrangebyscore zremrangebylex zscan geoadd geodist geohash geopos georadius " +
    "georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore pfadd pfcount pfmerge sort sort_ro",
  ],
  [
    "kvpaxos has no streams; KVWATCH follows the changes of keys",
    "xadd xread xreadgroup xrange xrevrange xlen xdel xtrim xack xclaim xautoclaim xpending xinfo xgroup xsetid",
  ],
  [
    "kvpaxos has no publish/subscribe; KVWATCH follows the changes of keys",
    "publish subscribe psubscribe unsubscribe punsubscribe spublish ssubscribe sunsubscribe pubsub",
  ],
  [
    "kvpaxos runs no scripts; MULTI, EXEC and WATCH make several commands atomic",
    "eval eval_ro evalsha evalsha_ro script fcall fcall_ro function",
  ],
  ["kvpaxos has no command that moves a value from key to key", "rename renamenx copy move dump restore migrate"],
  ["kvpaxos has no bit operations", "setbit getbit bitcount bitop bitpos bitfield bitfield_ro"],
];

const UNSUPPORTED_REASONS: ReadonlyMap<string, string> = new Map(
  UNSUPPORTED.flatMap(([reason, names]) => names.split(" ").map((name) => [name, reason] as const)),
);

/** What a datagram can ask of a connection; everything else of these groups needs one that lasts. */
const STATELESS: ReadonlySet<string> = new Set(["ping", "echo"]);

/** The error line when the present command of `count` arguments must be refused, or null. */
export function refusalOf(
  spec: CommandSpec | undefined,
  count: number,
  connection: RespConnection,
): string | null {
  if (spec === undefined) return unknownCommand(connection.args());
  const arity = arityRefusal(spec, count);
  if (arity !== null) return arity;
  if (!connection.state.authenticated && !spec.flags.includes("no_auth")) {
    return connection.transport.kind === "udp"
      ? "NOAUTH this server asks for a password, which cannot be given over UDP: use TCP or HTTP"
      : "NOAUTH Authentication required.";
  }
  if (connection.transport.kind === "udp" && needsConnection(spec)) {
    return `ERR ${spec.name.toUpperCase()} needs a connection that lasts: use TCP`;
  }
  if (spec.inMulti === "refuse" && connection.state.transaction !== null) {
    return "ERR Command not allowed inside a transaction";
  }
  return null;
}

/** The error line when `count` arguments are too few or too many, or null. */
export function arityRefusal(spec: { readonly name: string; readonly arity: number }, count: number): string | null {
  const fits = spec.arity >= 0 ? count === spec.arity : count >= -spec.arity;
  return fits ? null : `ERR wrong number of arguments for '${spec.name}' command`;
}

function needsConnection(spec: CommandSpec): boolean {
  if (STATELESS.has(spec.name)) return false;
  return spec.group === "connection" || spec.group === "transactions" || spec.flags.includes("pubsub");
}

/** The error line for a command that is not there. */
export function unknownCommand(args: readonly Uint8Array[]): string {
  const name = cut(args[0]!);
  const reason = UNSUPPORTED_REASONS.get(name.toLowerCase());
  if (reason !== undefined) return `ERR ${name.toUpperCase()} is not supported: ${reason}`;
  let rest = "";
  for (let i = 1; i < args.length && rest.length < QUOTED_CHARACTERS; i++) {
    rest += `'${cut(args[i]!).slice(0, QUOTED_CHARACTERS - rest.length)}' `;
  }
  return `ERR unknown command '${name}', with args beginning with: ${rest}`;
}

/** The start of an argument as text, up to a zero byte. */
function cut(argument: Uint8Array): string {
  const start = argument.subarray(0, QUOTED_CHARACTERS);
  const end = start.indexOf(0);
  return bytesToText(end < 0 ? start : start.subarray(0, end));
}

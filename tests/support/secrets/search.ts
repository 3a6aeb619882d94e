/**
 * The search for secrets in what was said: as they are, and as they are written in headers, addresses and dumps.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SECRETS_FILE } from "./secrets.ts";

/** A secret that was said. */
export interface Leak {
  readonly secret: string;
  readonly file: string;
  /** What stands around it. */
  readonly context: string;
}

/** What a folder had in it. */
export interface Searched {
  readonly secrets: number;
  readonly files: number;
  readonly bytes: number;
  readonly leaks: readonly Leak[];
}

/** How `secret` may be written: as it is, in JSON, in an address, in hexadecimal, and anywhere within base64. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), bytes.toString("hex")];
  // What stands before it shifts it by 0 to 2 bytes; the digits at both ends are also of what stands around it.
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64").replace(/=+$/, "");
    const begin = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    const inner = text.slice(begin, end);
    forms.push(inner, inner.replaceAll("+", "-").replaceAll("/", "_"));
  }
  // Lines of a file, such as a private key, are said one by one in many formats.
  const lines = secret.split("\n").filter((line) => line.length >= 40);
  if (lines.length > 1) forms.push(...lines);
  return [...new Set(forms)];
}

/** Searches what was said in one run for the secrets that were used in it. */
export function searchFolder(folder: string): Searched {
  const names = readdirSync(folder);
  const secrets = new Set<string>();
  if (names.includes(SECRETS_FILE)) {
    for (const line of readFileSync(join(folder, SECRETS_FILE), "utf8").split("\n")) {
      if (line !== "") secrets.add(JSON.parse(line) as string);
    }
  }
  const forms = [...secrets].flatMap((secret) => formsOf(secret).map((form) => ({ secret, form: Buffer.from(form) })));
  const leaks: Leak[] = [];
  let bytes = 0;
  const files = names.filter((name) => name !== SECRETS_FILE);
  for (const file of files) {
    const said = readFileSync(join(folder, file));
    bytes += said.length;
    for (const { secret, form } of forms) {
      const at = said.indexOf(form);
      if (at === -1) continue;
      const context = said.subarray(Math.max(0, at - 120), at + form.length + 40).toString("utf8");
      leaks.push({ secret, file, context });
    }
  }
  return { secrets: secrets.size, files: files.length, bytes, leaks };
}

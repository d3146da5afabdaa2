import { readFile, stat } from "node:fs/promises";
import { parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";

/** A larger file of hosts is not read: it would stand in memory whole. */
const HOSTS_OCTETS_MAX = 1_048_576;

/**
 * The names that this machine knows without DNS (hosts(5)), read again when the file changed. `localhost` is there always
 * (RFC 6761 §6.3).
 */
export class HostsFile {
  readonly #file: string;
  #stamp = "";
  #names: ReadonlyMap<string, readonly IpAddress[]> = parseHosts("");

  constructor(file: string) {
    this.#file = file;
  }

  /** The addresses of a name in lower case; empty where the file does not have it, or cannot be read. */
  async find(name: string): Promise<readonly IpAddress[]> {
    try {
      const { mtimeMs, size } = await stat(this.#file);
      const stamp = `${mtimeMs} ${size}`;
      if (stamp !== this.#stamp && size <= HOSTS_OCTETS_MAX) {
        this.#names = parseHosts(await readFile(this.#file, "utf8"));
        this.#stamp = stamp;
      }
    } catch {
      // No such file: what it said last is as good as anything.
    }
    return this.#names.get(name) ?? [];
  }
}

export function parseHosts(text: string): ReadonlyMap<string, readonly IpAddress[]> {
  const names = new Map<string, IpAddress[]>();
  for (const line of `${text}\n::1 localhost\n127.0.0.1 localhost`.split("\n")) {
    const [address = "", ...aliases] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    const parsed = parseIpAddress(address);
    if (!parsed.ok) continue;
    for (const alias of aliases) addAddress(names, alias.toLowerCase(), parsed.value);
  }
  return names;
}

function addAddress(names: Map<string, IpAddress[]>, name: string, address: IpAddress): void {
  const known = names.get(name);
  if (known === undefined) names.set(name, [address]);
  else if (!known.some((other) => JSON.stringify(other) === JSON.stringify(address))) known.push(address);
}

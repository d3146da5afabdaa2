import { parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";

/** The names that this machine knows without DNS (hosts(5)), in lower case. `localhost` is there always (RFC 6761 §6.3). */
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

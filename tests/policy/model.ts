/**
 * The policy as the contract tells it, slowly and plainly, written apart from the engine: addresses and networks are texts of 0 and 1, a
 * list is looked through from end to end, mailboxes are text. It shares no code with `src`.
 */
export interface ModelNetwork {
  /** `4:` or `6:`, then the bits that are fixed. An address has all of its bits. */
  readonly bits: string;
}

export interface ModelEntry {
  readonly id: number;
  readonly list: "*ACCEPT" | "*REJECT" | "*NEAR" | "*DOMAIN";
  /** A network as `4:0000101…`; null for names. */
  readonly bits: string | null;
  /** A name in lower case; with a leading dot it is the names below. null for networks. */
  readonly name: string | null;
  /** *DOMAIN: the interface, as bits; null for any. */
  readonly at: string | null;
  readonly ends: number | null;
}

export interface ModelPolicy {
  readonly allowRelay: string;
  readonly allowAuthentication: string;
  readonly overrideReject: boolean;
  readonly blocklists: readonly string[];
  readonly percentRoutes: boolean;
  readonly interfacesMatter: boolean;
  readonly localDomains: readonly string[];
  readonly entries: readonly ModelEntry[];
}

export interface ModelClient {
  readonly bits: string;
  readonly at: string | null;
  readonly user: string | null;
  readonly listedBy: string | null;
  readonly mayAuthenticate: boolean;
  readonly now: number;
}

/** `verdict rule entry recipient`, the entry 0 where none decided. */
export function modelDecision(policy: ModelPolicy, client: ModelClient, recipient: string): string {
  const rejecting = longestNetwork(policy, "*REJECT", client);
  if (rejecting !== 0) {
    if (!policy.overrideReject) return `refuse-connection REJECT ${rejecting} -`;
    if (client.user === null) {
      return client.mayAuthenticate ? `refuse AUTH-REQUIRED ${rejecting} -` : `refuse-connection REJECT ${rejecting} -`;
    }
  }
  if (client.listedBy !== null && policy.blocklists.includes(client.listedBy)) return "refuse-connection RBL 0 -";
  if (policy.allowAuthentication === "*LCLRLY" && client.user === null) return "refuse AUTH-REQUIRED 0 -";
  const final = finalAddress(policy, client, recipient);
  if (final === null) return "refuse ADDRESS 0 -";
  const host = final.slice(final.lastIndexOf("@") + 1);
  const local = localBy(policy, client, host);
  if (local !== null) return `local LOCAL ${local} ${final}`;
  return foreign(policy, client, final, host);
}

function foreign(policy: ModelPolicy, client: ModelClient, final: string, host: string): string {
  const { allowRelay } = policy;
  if (allowRelay === "*NONE") return `refuse ALWRLY 0 ${final}`;
  if (allowRelay === "*ALL") return `relay ALWRLY 0 ${final}`;
  if (allowRelay === "*LIST" || allowRelay === "*BOTH") {
    const accepting = longestNetwork(policy, "*ACCEPT", client);
    if (accepting !== 0) return `relay ACCEPT ${accepting} ${final}`;
    if (client.user !== null && policy.allowAuthentication !== "*NONE") return `relay AUTH 0 ${final}`;
  }
  if (allowRelay === "*NEAR" || allowRelay === "*BOTH") {
    const local = final.slice(0, final.lastIndexOf("@"));
    const routed = local.includes("!") || local.includes("@") || (local.includes("%") && policy.percentRoutes);
    const name = routed || host.startsWith("[") ? 0 : longestName(policy, client, host);
    if (name !== 0) return `relay NEAR ${name} ${final}`;
    const network = longestNetwork(policy, "*NEAR", client);
    if (network !== 0) return `relay NEAR ${network} ${final}`;
  }
  return `refuse NO-MATCH 0 ${final}`;
}

function counts(entry: ModelEntry, client: ModelClient): boolean {
  return entry.ends === null || client.now < entry.ends;
}

function longestNetwork(policy: ModelPolicy, list: string, client: ModelClient): number {
  let best: ModelEntry | null = null;
  for (const entry of policy.entries) {
    if (entry.list !== list || entry.bits === null || !counts(entry, client)) continue;
    if (!client.bits.startsWith(entry.bits)) continue;
    if (best === null || entry.bits.length > (best.bits ?? "").length) best = entry;
  }
  return best?.id ?? 0;
}

function longestName(policy: ModelPolicy, client: ModelClient, host: string): number {
  let best: ModelEntry | null = null;
  for (const entry of policy.entries) {
    if (entry.list !== "*NEAR" || entry.name === null || !counts(entry, client)) continue;
    const matches = entry.name.startsWith(".") ? host.endsWith(entry.name) : host === entry.name;
    if (matches && (best === null || entry.name.length > (best.name ?? "").length)) best = entry;
  }
  return best?.id ?? 0;
}

/** The number of the *DOMAIN entry that makes the host ours, 0 where it is ours without one, null where it is not. */
function localBy(policy: ModelPolicy, client: ModelClient, host: string): number | null {
  if (host.startsWith("[")) return client.at !== null && literalBits(host) === client.at ? 0 : null;
  if (policy.localDomains.includes(host)) return 0;
  for (const entry of policy.entries) {
    if (entry.list !== "*DOMAIN" || entry.name !== host || !counts(entry, client)) continue;
    if (!policy.interfacesMatter || client.at === null || entry.at === null || entry.at === client.at) return entry.id;
  }
  return null;
}

/** Of an IPv4 literal; IPv6 literals are nobody's own here. */
function literalBits(host: string): string {
  const octets = host.slice(1, -1).split(".").map(Number);
  return `4:${octets.map((octet) => octet.toString(2).padStart(8, "0")).join("")}`;
}

function finalAddress(policy: ModelPolicy, client: ModelClient, recipient: string): string | null {
  let address = recipient;
  for (let percents = 0; ; percents++) {
    const at = address.lastIndexOf("@");
    const local = address.slice(0, at);
    const host = address.slice(at + 1);
    if (localBy(policy, client, host) === null) return address;
    if (local.includes("!") || local.includes("@")) return null;
    if (!policy.percentRoutes || !local.includes("%")) return address;
    if (local.startsWith('"') || percents === 8) return null;
    const percent = local.lastIndexOf("%");
    const user = local.slice(0, percent);
    const next = local.slice(percent + 1).toLowerCase();
    if (user === "" || user.endsWith(".") || !/^[a-z0-9-]+(\.[a-z0-9-]+)*\.?$/.test(next)) return null;
    if (/^\d+$/.test(next.split(".").at(-1) ?? "")) return null;
    address = `${user}@${next.replace(/\.$/, "")}`;
  }
}

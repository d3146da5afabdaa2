import { reply, type Reply } from "../core/mail/reply.ts";
import { isExchangeKey } from "../core/queue/route.ts";
import type { TlsDemand } from "../core/tls-policy/demand.ts";
import type { NextHop, NextHopServer, OutgoingMessage, TransportResult } from "./ports.ts";

/**
 * The next hop for a message that says of TLS more or less than its route (RFC 8689 §4.2). REQUIRETLS: only servers whose name and
 * certificate can be verified; null where there is none. `TLS-Required: No`: what a domain publishes is tried and not insisted upon; what a
 * route of ours demands stays.
 */
export function hopFor(hop: NextHop, { requireTls, reversePath }: OutgoingMessage["envelope"]): NextHop | null {
  if (requireTls === undefined) return hop;
  if (!requireTls) {
    if (!hop.servers.some((server) => isInsisting(server) || server.policy !== null)) return hop;
    // It counts nowhere: else two relays would tell each other daily of the reports of the day before (RFC 8460).
    const servers = hop.servers.map((server) => ({
      ...server,
      tls: isInsisting(server) ? MAY : server.tls,
      policy: null,
    }));
    return { ...hop, servers, connectionsKey: `${hop.connectionsKey} tls-optional` };
  }
  // A report is not lost for it (RFC 8689 §5).
  if (reversePath === null) return hop;
  // Graph knows no REQUIRETLS: the demand would end there.
  if (hop.transport === "graph") return null;
  const isExchange = isExchangeKey(hop.key);
  const servers = hop.servers.flatMap((server) => {
    const tls = strict(server, isExchange);
    return tls === null ? [] : [{ ...server, tls }];
  });
  return servers.length === 0 ? null : { ...hop, servers, connectionsKey: `${hop.connectionsKey} requiretls` };
}

const MAY: TlsDemand = { kind: "may" };

function isInsisting({ tls, isPublished }: NextHopServer): boolean {
  return isPublished && (tls.kind === "dane" || (tls.kind === "mta-sts" && tls.mode === "enforce"));
}

/**
 * What is to be demanded so that we know whom we speak to. The name of an exchanger is as good as the DNS: TLSA records and MTA-STS prove
 * it, else the certificate must be for the domain of the recipients. A host that an operator named needs no more proof than a certificate.
 */
function strict({ host, tls }: NextHopServer, isExchange: boolean): TlsDemand | null {
  switch (tls.kind) {
    case "pin":
      return tls;
    case "mta-sts":
      return { ...tls, mode: "enforce" };
    case "dane":
      return tls.records.length > 0 ? tls : { kind: "verify", names: tls.names };
    case "verify": {
      const names = isExchange ? tls.names.filter((name) => name !== host || tls.names.length === 1) : tls.names;
      return { kind: "verify", names };
    }
    case "none":
    case "may":
    case "encrypt":
      return isExchange ? null : { kind: "verify", names: [host] };
  }
}

/** How the transport says that TLS did not come about, was not what is demanded, or that REQUIRETLS is not offered. */
const OF_TLS: readonly string[] = ["4.7.4", "4.7.5", "4.7.30"];

/** RFC 8689 §4.2.1. */
export const NOT_VERIFIABLE: Reply = reply(
  550,
  "5.7.10",
  "The message came with REQUIRETLS, and no server of the next hop can be verified: it publishes neither TLSA records nor MTA-STS, and no route demands TLS(*VERIFY) or TLS(*PIN)",
);

/**
 * What came of sending with REQUIRETLS. TLS that does not come about is no trouble of the route, whose other mail goes on, but the end
 * for this message (RFC 8689 §4.2.1); that nobody answers is what it always is.
 */
export function resultRequiringTls(result: TransportResult): TransportResult {
  const first = result.replies[0];
  if (!result.routeTrouble || first === undefined || !OF_TLS.includes(first.enhanced)) return result;
  const enhanced = first.enhanced === "4.7.30" ? "5.7.30" : "5.7.10";
  const why = reply(550, enhanced, "The message came with REQUIRETLS", ...first.text);
  return { ...result, routeTrouble: false, replies: result.replies.map(() => why) };
}

import { formatNetwork } from "../mail/network.ts";
import { formatDomainPattern, formatRelayHost, formatRoute, formatSenderPattern } from "./route-fields.ts";
import type { RouteAction, RouteMatch, RouteRule } from "./route-rule.ts";

/** What a route does, as a sentence or two: `Mail to partner.example goes to smtp.partner.example:25. TLS(*VERIFY).` */
export function describeRoute(route: RouteRule): string {
  const settings = Object.entries(formatRoute(route))
    .filter(([field]) => !TOLD_APART.includes(field))
    .map(([field, texts]) => `${field}(${texts.join(" ")})`);
  const also = settings.length === 0 ? "" : ` ${settings.join(" ")}.`;
  return `${describeMatch(route.match)} ${describeAction(route.action)}.${also}`;
}

/** Fields that `describeMatch` and `describeAction` tell. */
const TOLD_APART: readonly string[] = ["RCPDMN", "SNDADR", "CLTADR", "ACTION", "RLYHOST"];

/** `Mail to partner.example from <> of clients in 10.1.0.0/16`. */
export function describeMatch({ recipient, sender, client }: RouteMatch): string {
  const parts = [
    ...(recipient === null ? [] : [`to ${formatDomainPattern(recipient)}`]),
    ...(sender === null ? [] : [`from ${formatSenderPattern(sender)}`]),
    ...(client === null ? [] : [`of clients in ${formatNetwork(client)}`]),
  ];
  return parts.length === 0 ? "All mail" : `Mail ${parts.join(" ")}`;
}

export function describeAction(action: RouteAction): string {
  switch (action.kind) {
    case "default":
      return "goes as it would";
    case "mx":
      return "goes by MX";
    case "relay":
      return action.hosts.length === 0 ? "is handed on" : `goes to ${action.hosts.map(formatRelayHost).join(", ")}`;
    case "local":
      return "goes to the next hop of local domains";
    case "hold":
      return "is held";
    case "capture":
      return "is kept in the capture box";
    case "refuse":
      return "is refused";
  }
}

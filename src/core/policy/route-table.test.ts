import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { routeRule } from "../../../tests/policy/route-arbitrary.ts";
import { parseIpAddress, type IpAddress } from "../mail/ip.ts";
import { formatMailbox, type Mailbox, type MailboxHost } from "../mail/mailbox.ts";
import { contains } from "../mail/network.ts";
import { parseMailbox } from "../mail/path.ts";
import type { Entry } from "./policy.ts";
import { parseRoute, type RouteTexts } from "./route-fields.ts";
import type { DomainPattern, RouteRule } from "./route-rule.ts";
import { RouteTable, type RouteQuestion } from "./route-table.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function route(name: string, texts: RouteTexts): RouteRule {
  const parsed = parseRoute(name, texts);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

function tableOf(routes: readonly RouteRule[], ends: readonly (number | null)[] = []): RouteTable {
  return new RouteTable(
    routes.map((each, i): Entry => ({
      id: i + 1,
      list: "*ROUTE",
      value: { kind: "route", route: each },
      text: "",
      addedBy: "test",
      addedAt: 0,
      expiresAt: ends[i] ?? null,
    })),
  );
}

function ask(from: string, to: string, client: string | null): RouteQuestion {
  return {
    sender: from === "" ? null : mailbox(from),
    recipient: mailbox(to).host,
    client: client === null ? null : ip(client),
  };
}

function names(table: RouteTable, question: RouteQuestion, now = 0): string {
  return [...table.matches(question, now)].map((each) => each.route.name).join(" ");
}

const TABLE = tableOf([
  route("ALL", {}),
  route("NET16", { CLTADR: ["10.20.0.0/16"] }),
  route("NET24", { CLTADR: ["10.20.1.0/24"] }),
  route("NET6", { CLTADR: ["2001:db8::/32"] }),
  route("NULL", { SNDADR: ["<>"] }),
  route("SENDER", { SNDADR: ["ERP@example.com"] }),
  route("DOMAIN", { SNDADR: ["example.com"] }),
  route("BELOW", { SNDADR: [".example.com"] }),
  route("TO", { RCPDMN: ["partner.example"] }),
  route("TO-BELOW", { RCPDMN: [".partner.example"] }),
  route("TO-EXAMPLE", { RCPDMN: [".example"] }),
  route("TO-FROM", { RCPDMN: ["partner.example"], SNDADR: ["example.com"] }),
  route("TO-NET", { RCPDMN: ["partner.example"], CLTADR: ["10.0.0.0/8"] }),
  route("A-TWIN", { RCPDMN: ["partner.example"] }),
]);

const CASES: readonly (readonly [from: string, to: string, client: string | null, all: string])[] = [
  ["x@other.test", "u@far.test", "192.0.2.1", "ALL"],
  ["", "u@far.test", null, "NULL ALL"],
  ["", "u@far.test", "10.20.1.1", "NULL NET24 NET16 ALL"],
  ["x@other.test", "u@far.test", "10.20.2.1", "NET16 ALL"],
  ["x@other.test", "u@far.test", "2001:db8::1", "NET6 ALL"],
  ["x@other.test", "u@[192.0.2.9]", "10.20.2.1", "NET16 ALL"],
  ["x@[192.0.2.9]", "u@far.test", "192.0.2.1", "ALL"],
  ["erp@EXAMPLE.com", "u@far.test", "10.20.1.1", "SENDER DOMAIN NET24 NET16 ALL"],
  ["x@a.example.com", "u@far.test", "192.0.2.1", "BELOW ALL"],
  ["x@other.test", "u@partner.example", "192.0.2.1", "A-TWIN TO TO-EXAMPLE ALL"],
  ["x@other.test", "u@partner.example", "10.1.1.1", "TO-NET A-TWIN TO TO-EXAMPLE ALL"],
  ["x@example.com", "u@partner.example", "10.1.1.1", "TO-FROM TO-NET A-TWIN TO TO-EXAMPLE DOMAIN ALL"],
  ["x@other.test", "u@a.b.partner.example", "192.0.2.1", "TO-BELOW TO-EXAMPLE ALL"],
  ["x@other.test", "u@example", "192.0.2.1", "ALL"],
];

suite("RouteTable.matches()", () => {
  for (const [from, to, client, all] of CASES) {
    test(`<${from}> to ${to} of ${client ?? "nobody"}: ${all}`, () => {
      const question = ask(from, to, client);
      assert.equal(names(TABLE, question), all);
      assert.equal(TABLE.match(question, 0)?.route.name, all.split(" ")[0]);
    });
  }

  test("passes by a route that has ended, to the next", () => {
    const table = tableOf([route("SHORT", { RCPDMN: ["partner.example"] }), route("LONG", {})], [10]);
    const question = ask("", "u@partner.example", null);
    assert.equal(names(table, question, 9), "SHORT LONG");
    assert.equal(names(table, question, 10), "LONG");
  });

  test("shows the most specific first", () => {
    const shown = tableOf([
      route("ANY", {}),
      route("BELOW", { RCPDMN: [".partner.example"] }),
      route("DEEP", { RCPDMN: [".sub.partner.example"] }),
      route("EXACT", { RCPDMN: ["partner.example"] }),
      route("FROM", { SNDADR: ["erp@example.com"] }),
      route("LAN", { CLTADR: ["10.0.0.0/8"] }),
      route("ROOM", { CLTADR: ["10.1.0.0/16"] }),
    ]).bySpecificity();
    assert.equal(shown.map((one) => one.route.name).join(" "), "EXACT DEEP BELOW FROM ROOM LAN ANY");
  });

  test("says what a slow model says", () => {
    const senders = ["", "erp@example.com", "x@example.com", "x@a.example.com", "x@far.test", "büro@example.com"];
    const recipients = ["partner.example", "sub.partner.example", "a.other.example", "other.example", "far.test"];
    const clients = [null, "10.20.1.9", "10.20.9.9", "192.0.2.1", "2001:db8::1", "::1"];
    const question = fc
      .tuple(fc.constantFrom(...senders), fc.constantFrom(...recipients), fc.constantFrom(...clients))
      .map(([from, to, client]) => ask(from, `u@${to}`, client));
    const routes = fc.uniqueArray(routeRule, { maxLength: 30, selector: (each) => each.name });
    fc.assert(
      fc.property(routes, question, (each, asked) => {
        const table = tableOf(each);
        assert.equal(names(table, asked), model(each, asked).join(" "));
        const matching = new Set(table.matches(asked, 0));
        assert.deepEqual(
          table.bySpecificity().filter((one) => matching.has(one)),
          [...matching],
          "shown in the order in which they are asked",
        );
        const ofHost = table.matchHost(asked.recipient, 0);
        if (ofHost !== "unknown") assert.equal(ofHost, table.match(asked, 0));
      }),
    );
  });
});

// --- the model: every route is looked at, and what match is put in order -----------------------------------------------

function model(routes: readonly RouteRule[], question: RouteQuestion): readonly string[] {
  return routes
    .flatMap((each) => {
      const rank = rankOf(each, question);
      return rank === null ? [] : [{ name: each.name, rank }];
    })
    .sort((a, b) => {
      const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
      return at < 0 ? (a.name < b.name ? -1 : 1) : (b.rank[at] ?? 0) - (a.rank[at] ?? 0);
    })
    .map(({ name }) => name);
}

/** Higher is more specific; null does not match. */
function rankOf({ match }: RouteRule, { recipient, sender, client }: RouteQuestion): readonly number[] | null {
  const to = match.recipient === null ? 0 : rankOfDomain(match.recipient, recipient);
  const network = match.client;
  const of = network === null ? 0 : client !== null && contains(network, client) ? network.prefixBits + 1 : null;
  const from = rankOfSender(match.sender, sender);
  return to === null || from === null || of === null ? null : [to, from, of];
}

function rankOfDomain({ domain, subdomains }: DomainPattern, host: MailboxHost): number | null {
  if (host.kind === "literal") return null;
  if (!subdomains) return host.domain === domain ? 1_000 : null;
  return host.domain.endsWith(`.${domain}`) ? domain.length : null;
}

function rankOfSender(pattern: RouteRule["match"]["sender"], sender: Mailbox | null): number | null {
  if (pattern === null) return 0;
  if (pattern.kind === "null") return sender === null ? 2_000 : null;
  if (sender === null) return null;
  if (pattern.kind === "domain") return rankOfDomain(pattern, sender.host);
  return formatMailbox(pattern.mailbox).toLowerCase() === formatMailbox(sender).toLowerCase() ? 2_000 : null;
}

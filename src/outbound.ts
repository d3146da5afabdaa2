/** What a relay has towards the outside: names, TLS with next hops, connections to them, signatures. */
import type { Socket } from "node:net";
import type { Config } from "./config.ts";
import type { Limits } from "./core/base/limits.ts";
import type { FileContent } from "./core/mail/content.ts";
import type { Random } from "./core/base/time.ts";
import type { Domain } from "./core/mail/domain.ts";
import { parseMailbox } from "./core/mail/path.ts";
import { createResolver, type ClosableResolver } from "./adapters/dns/resolver.ts";
import { NO_TLS_RESULTS } from "./adapters/memory/tls-policies.ts";
import { createStsPolicyFetcher } from "./adapters/mta-sts/policy-fetcher.ts";
import { ReportPoster } from "./adapters/mta-sts/report-poster.ts";
import type { Descriptors } from "./adapters/node/descriptors.ts";
import { createStsPolicyFiles } from "./adapters/node/sts-policy-files.ts";
import { createTlsTallyFiles } from "./adapters/node/tls-tally-files.ts";
import { createDkimKeyFiles } from "./adapters/node/dkim-key-files.ts";
import { signingCryptography } from "./adapters/node/signing.ts";
import { GraphTransport } from "./adapters/graph/transport.ts";
import { createOAuthAccountFiles } from "./adapters/node/oauth-account-files.ts";
import { assertionCryptography } from "./adapters/oauth/assertions.ts";
import { createWebClient } from "./adapters/oauth/web-client.ts";
import { SmtpProber } from "./adapters/smtp-client/probe.ts";
import { SmtpRecipientProber } from "./adapters/smtp-client/recipient-prober.ts";
import { SmtpTransport } from "./adapters/smtp-client/transport.ts";
import type { Store } from "./adapters/store-sqlite/store.ts";
import { TlsCounter } from "./flows/count-tls.ts";
import { ChosenTransport } from "./flows/choose-transport.ts";
import type { TlsFinderOptions } from "./flows/find-tls.ts";
import { DkimKeeper } from "./flows/keep-dkim-keys.ts";
import { OAuthKeeper } from "./flows/keep-oauth-accounts.ts";
import { StsKeeper } from "./flows/keep-sts-policies.ts";
import { accountWarnings, type NamingPolicy } from "./flows/named-accounts.ts";
import type { WebClient } from "./flows/oauth-ports.ts";
import type { AccessTokens, Clock, Cryptography, Resolver, TlsResults, Transport, RouteProber } from "./flows/ports.ts";
import type { Recorder } from "./flows/record.ts";
import type { TlsReporterOptions } from "./flows/report-tls.ts";
import { Sealer } from "./flows/seal.ts";
import { MessageSigner, type Signer } from "./flows/sign.ts";

export interface OutboundParts {
  readonly config: Config;
  /** As they are on this machine. */
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly cryptography: Cryptography;
  readonly recorder: Recorder;
  readonly store: Store;
  readonly descriptors: Descriptors;
  /** ARCDMN of the policy of this moment. */
  readonly sealingDomain: () => Domain | null;
  readonly warn: (text: string) => void;
  /** Of the program. */
  readonly version: string;
}

export interface Outbound {
  readonly resolver: ClosableResolver;
  readonly web: WebClient;
  readonly dkim: DkimKeeper;
  readonly oauth: OAuthKeeper;
  readonly stsPolicies: StsKeeper;
  /** null where no reports of TLS are sent. */
  readonly tlsReports: Pick<TlsReporterOptions, "counter" | "poster"> | null;
  /** What the search for next hops goes by. */
  readonly tls: Pick<TlsFinderOptions, "publishedTls" | "stsPolicies" | "tlsResults">;
  readonly transport: Transport;
  readonly prober: RouteProber;
  readonly recipientProber: SmtpRecipientProber;
  readonly signer: Signer;
  /** For `status`. */
  warnings(policy: NamingPolicy): readonly string[];
}

export async function openOutbound(parts: OutboundParts): Promise<Outbound> {
  const { config, limits, clock, random, cryptography, recorder, store } = parts;
  const resolver = createResolver({
    servers: config.dns.servers,
    isTrusted: config.dns.isTrusted,
    limits,
    hostsFile: "/etc/hosts",
    resolvConf: "/etc/resolv.conf",
    clock,
    random,
  });
  const dkim = await DkimKeeper.open({
    cryptography,
    resolver,
    limits,
    store: createDkimKeyFiles(config.dataDirectory),
    signing: signingCryptography,
    clock,
    record: (by, text) => recorder.operation({ at: clock.now(), by, text }),
  });
  const web = createWebClient({ resolver, clock, limits, agent: `relaykeeper/${parts.version}` });
  const oauth = await OAuthKeeper.open({
    ...{ web, cryptography, clock, random, limits },
    store: createOAuthAccountFiles(config.dataDirectory),
    assertions: assertionCryptography,
    record: (by, text) => recorder.operation({ at: clock.now(), by, text }),
  });
  const tlsReports = await openTlsReports(parts, resolver);
  const tlsResults = tlsReports?.counter ?? NO_TLS_RESULTS;
  const stsPolicies = await StsKeeper.open({
    clock,
    resolver,
    limits,
    fetcher: createStsPolicyFetcher({ clock, resolver, limits }),
    store: createStsPolicyFiles(config.dataDirectory),
    tlsResults,
    onFault: (fault) => parts.warn(`a policy of MTA-STS cannot be kept: ${String(fault)}`),
  });
  const tls = { publishedTls: config.delivery.publishedTls, stsPolicies, tlsResults };
  const { transport, prober, recipientProber } = openTransport(parts, tlsResults, oauth);
  const signing = { keys: dkim, spool: store.spool, signing: signingCryptography, clock, limits };
  const sealing = { ...signing, hostname: config.hostname, domain: parts.sealingDomain, resolver };
  const signer = new Sealer(sealing, new MessageSigner(signing));
  return {
    resolver,
    web,
    dkim,
    oauth,
    stsPolicies,
    tlsReports,
    tls,
    transport,
    prober,
    recipientProber,
    signer,
    warnings: (policy) => [...warningsOf(dkim, oauth, policy), ...reportWarnings(config, dkim)],
  };
}

function warningsOf(dkim: DkimKeeper, oauth: OAuthKeeper, policy: NamingPolicy): readonly string[] {
  return [...dkim.warnings(), ...oauth.warnings(), ...accountWarnings(policy, (name) => oauth.find(name) !== null)];
}

/** Readers pass over a report without a signature of ours (RFC 8460 §3). */
function reportWarnings({ tlsReports }: Config, dkim: DkimKeeper): readonly string[] {
  const contact = parseMailbox(tlsReports?.contact ?? "");
  if (!contact.ok || contact.value.host.kind !== "domain") return [];
  const { domain } = contact.value.host;
  const isSigned = dkim.signingFor(domain).length > 0;
  return isSigned ? [] : [`TLS reports go out unsigned, and readers ignore those: relaykeeper dkim create ${domain}`];
}

async function openTlsReports(parts: OutboundParts, resolver: Resolver): Promise<Outbound["tlsReports"]> {
  const { config, clock, limits, warn } = parts;
  if (config.tlsReports === null) return null;
  const store = createTlsTallyFiles(config.dataDirectory);
  const onFault = (fault: unknown): void => warn(`figures for TLS reports cannot be kept: ${String(fault)}`);
  return {
    counter: await TlsCounter.open({ clock, limits, store, onFault }),
    poster: new ReportPoster({ clock, limits, resolver }),
  };
}

function openTransport(
  { config, limits, clock, store, descriptors }: OutboundParts,
  tlsResults: TlsResults,
  tokens: AccessTokens,
): Pick<Outbound, "transport" | "prober" | "recipientProber"> {
  const shared = {
    limits,
    clock,
    tokens,
    readFile: (content: FileContent): AsyncIterable<Uint8Array> => store.spool.readFile(content),
  };
  const towardsServers = {
    ...shared,
    hostname: config.hostname,
    tlsResults,
    leavesDescriptors: (socket: Socket) => descriptors.leaves(Math.floor(limits.spareDescriptors / 2), socket),
  };
  const graph = new GraphTransport(shared);
  const probers = { smtp: new SmtpProber(towardsServers), graph };
  return {
    transport: new ChosenTransport({ smtp: new SmtpTransport(towardsServers), graph }),
    prober: { probe: (hop, reversePath, forwardPath) => probers[hop.transport].probe(hop, reversePath, forwardPath) },
    recipientProber: new SmtpRecipientProber(towardsServers),
  };
}

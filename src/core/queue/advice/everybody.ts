import { rowsOf, type AdviceRow } from "./row.ts";

/** Lists of senders. After the pages "Spamhaus ZEN", "PBL" and "Help for Spamhaus Projects legacy blocklist users" (The Spamhaus Project). */
const SPAMHAUS = rowsOf("Spamhaus", [
  [
    "list-spamhaus-policy",
    [{ words: ["spamhaus", "/pbl"] }, { words: ["pbl.spamhaus"] }],
    "The sending address is on the policy list of Spamhaus: a network from which no mail is to come directly.",
    "Send by the smart host of your provider, or remove the address from the PBL where it is a mail server with a fixed address.",
  ],
  [
    "list-spamhaus-resolver",
    [{ words: ["spamhaus", "open resolver"] }, { words: ["spamhaus", "127.255.255."] }],
    "The other side asks Spamhaus in a way that Spamhaus does not answer; your address is not listed.",
    "Tell the postmaster of the other side: their DNS resolver must not be a public one.",
  ],
  [
    "list-spamhaus",
    [{ words: ["spamhaus"] }],
    "The sending address (or the sender's domain) is on a list of Spamhaus.",
    "Look it up at check.spamhaus.org, remove the cause (mostly an infected machine or an open account), and ask for removal there.",
  ],
]);

/** Tokens. After "Microsoft Entra authentication and authorization error codes" (Microsoft Learn). */
const ENTRA = rowsOf("Microsoft Entra", [
  [
    "oauth-secret",
    [{ words: ["aadsts7000215"] }],
    "The client secret is wrong: mostly its id was entered and not its value.",
    "Make a new secret under Certificates & secrets, and enter its value for the account.",
  ],
  [
    "oauth-secret-expired",
    [{ words: ["aadsts7000222"] }],
    "The client secret has expired.",
    "Make a new secret under Certificates & secrets and enter its value for the account. A certificate lives longer.",
  ],
  [
    "oauth-application",
    [{ words: ["aadsts700016"] }],
    "There is no application with this client id in this tenant.",
    "Compare client id and tenant of the account with the overview of the app registration.",
  ],
  [
    "oauth-tenant",
    [{ words: ["aadsts90002"] }, { words: ["aadsts900023"] }],
    "There is no such tenant.",
    "Enter the directory (tenant) id of the overview page for the account.",
  ],
  [
    "oauth-certificate",
    [{ words: ["aadsts700027"] }, { words: ["aadsts700023"] }, { words: ["aadsts700024"] }, { words: ["aadsts50012"] }],
    "The assertion signed by the certificate was not taken: another certificate is registered, or the clock is wrong.",
    "Upload the public part of this certificate under Certificates & secrets, and check the time of this machine.",
  ],
  [
    "oauth-consent",
    [{ words: ["aadsts65001"] }],
    "Nobody has consented that the application may have these permissions.",
    "An administrator grants admin consent under API permissions: SMTP.SendAsApp for SMTP, Mail.Send for Graph.",
  ],
  [
    "oauth-scope",
    [{ words: ["aadsts70011"] }, { words: ["aadsts1002012"] }],
    "The scope that was asked for is not valid.",
    "Client credentials ask for https://outlook.office365.com/.default (SMTP) or https://graph.microsoft.com/.default (Graph).",
  ],
  [
    "oauth-resource",
    [{ words: ["aadsts500011"] }],
    "The resource in the scope is not known in the tenant.",
    "Use https://outlook.office365.com/.default (SMTP) or https://graph.microsoft.com/.default (Graph) as the scope.",
  ],
  [
    "oauth-password",
    [{ words: ["aadsts50126"] }],
    "User name or password of the person are wrong.",
    "Sign in anew: relaykeeper oauth login.",
  ],
  [
    "oauth-conditional-access",
    [{ words: ["aadsts53003"] }, { words: ["aadsts53000"] }, { words: ["aadsts50158"] }],
    "A Conditional Access policy forbids the token.",
    "Except the application, or the public address of this relay, from the policy; the sign-in log in Entra ID names it.",
  ],
  [
    "oauth-second-factor",
    [
      { words: ["aadsts50076"] },
      { words: ["aadsts50079"] },
      { words: ["aadsts50074"] },
      { words: ["interaction_required"] },
    ],
    "The person must confirm with a second factor.",
    "Sign in anew: relaykeeper oauth login. An account with client credentials needs no person.",
  ],
  [
    "oauth-idle",
    [{ words: ["aadsts700082"] }, { words: ["aadsts70008"] }, { words: ["aadsts50173"] }],
    "The refresh token has expired: it was not used for long, or the password was changed.",
    "Sign in anew: relaykeeper oauth login.",
  ],
  [
    "oauth-throttled",
    [{ words: ["aadsts50196"] }, { words: ["aadsts90033"] }],
    "The token service is busy, or was asked too often.",
    "Nothing needs to be done, it is asked again.",
  ],
]);

/** Tokens of anybody (RFC 6749 §5.2). */
const TOKENS = rowsOf("OAuth 2.0", [
  [
    "oauth-grant",
    [{ words: ["invalid_grant"] }],
    "The refresh token (or the assertion) is no longer good: withdrawn, expired, or the clock of this machine is wrong.",
    "Sign in anew: relaykeeper oauth login. For a service account check the time of this machine and the delegation of the whole domain.",
  ],
  [
    "oauth-client",
    [{ words: ["invalid_client"] }],
    "The client id or its secret were not taken.",
    "Compare both with the registration of the application and enter the secret anew.",
  ],
  [
    "oauth-unauthorized-client",
    [{ words: ["unauthorized_client"] }],
    "The application may not ask for tokens in this way.",
    "Google: allow the client id of the service account under domain-wide delegation with scope https://mail.google.com/. Microsoft: allow public client flows for a login by device code.",
  ],
]);

/** Servers of everybody: words that Postfix, Exim, Sendmail and many others use; status codes of RFC 3463 and RFC 7372. */
const SERVERS = rowsOf("Mail server", [
  [
    "list-other",
    [
      { words: ["blocked using"] },
      { words: ["listed at"] },
      { words: ["dnsbl"] },
      { words: ["rbl"], status: ["5.7.1"] },
      { words: ["blacklisted"] },
      { words: ["blocklisted"] },
    ],
    "The sending address is on a list of senders that the other side asks.",
    "Look the address up at the list that the refusal names, remove the cause, and ask for removal there; or send by a smart host.",
  ],
  [
    "greylisting",
    [{ words: ["greylist"] }, { words: ["graylist"] }, { words: ["grey-list"] }, { words: ["postgrey"] }],
    "The server wants to see whether a message from somebody new is tried again.",
    "Nothing needs to be done, it is tried again in a few minutes.",
  ],
  [
    "relaying-denied",
    [
      { words: ["relay access denied"] },
      { words: ["relaying denied"] },
      { words: ["relay not permitted"] },
      { words: ["unable to relay"] },
    ],
    "The next hop does not take mail for this recipient from this relay.",
    "Register the public address of this relay there, or give the route credentials (AUTHMTH, AUTHACC, *HOSTAUTH). For an MX: it does not know the domain as its own.",
  ],
  [
    "credentials-refused",
    [{ status: ["5.7.8"] }, { code: [535] }, { words: ["535 "], status: ["4.7.8"] }, { words: ["answered auth with"] }],
    "The next hop refused the credentials.",
    "Check the account of the route (AUTHACC) or the *HOSTAUTH entry of the host.",
  ],
  [
    "credentials-wanted",
    [{ code: [530], status: ["5.7.0"] }, { code: [530] }, { words: ["authentication required"] }],
    "The next hop takes no mail without credentials.",
    "Give the route credentials: AUTHMTH and AUTHACC, or a *HOSTAUTH entry for the host.",
  ],
  [
    "mechanism-missing",
    [
      { words: ["offers neither auth"] },
      { words: ["offers no auth"] },
      { code: [504], status: ["5.5.4"] },
      { status: ["5.7.4"], words: ["mechanism"] },
    ],
    "The next hop offers no way of authentication that the route may use.",
    "Set AUTHMTH on the route to one that it offers; route check shows them. Many offer none before TLS.",
  ],
  [
    "starttls-wanted",
    [
      { words: ["must issue a starttls command first"] },
      { code: [530], words: ["starttls"] },
      { words: ["encryption required"] },
      { status: ["5.7.10", "5.7.11"] },
    ],
    "The next hop wants TLS before anything else.",
    "Let the route encrypt: TLS(*ENCRYPT), or better TLS(*VERIFY).",
  ],
  [
    "tls-missing",
    [{ words: ["offers no tls"] }],
    "The route demands TLS, and the next hop offers none (or somebody in between took the offer away).",
    "Ask the other side. Only where mail may go in the clear: TLS(*MAY) on the route.",
  ],
  [
    "tls-certificate",
    [
      { words: ["certificate has expired"] },
      { words: ["self-signed certificate"] },
      { words: ["self signed certificate"] },
      { words: ["unable to get local issuer certificate"] },
      { words: ["unable to verify the first certificate"] },
      { words: ["does not match certificate's altnames"] },
    ],
    "The certificate of the next hop is not one that the route may trust.",
    "The other side renews it or adds its name. Until then pin what you checked yourself: TLS(*PIN) TLSPIN(...), or encrypt towards anybody: TLS(*ENCRYPT).",
  ],
  [
    "tls-handshake",
    [{ words: ["tls handshake failed"] }],
    "The TLS handshake failed.",
    "The other side has perhaps nothing newer than TLS 1.1, or wants other ciphers. TLS(*MAY) on the route goes on in the clear.",
  ],
  [
    "unreachable",
    [
      { words: ["connecting to", "no answer in time"] },
      { words: ["connecting to", "network unreachable"] },
      { words: ["connecting to", "no route to host"] },
    ],
    "The server cannot be reached.",
    "Check the firewall and, for port 25, whether the provider of this machine lets it out: many do not. Port 587 of a smart host goes through.",
  ],
  [
    "refused-connection",
    [{ words: ["connecting to", "connection refused"] }],
    "Nothing answers at this port of the server.",
    "Check host and port of the route; the server is perhaps down, and then it is tried again.",
  ],
  [
    "user-unknown",
    [
      { status: ["5.1.1"] },
      { words: ["user unknown"] },
      { words: ["no such user"] },
      { words: ["unknown recipient"] },
      { words: ["mailbox unavailable"], code: [550] },
      { words: ["unrouteable address"] },
    ],
    "There is no such recipient.",
    "Check the address with the recipient.",
  ],
  [
    "mailbox-full",
    [
      { status: ["5.2.2", "4.2.2"] },
      { words: ["mailbox is full"] },
      { words: ["mailbox full"] },
      { words: ["over quota"] },
    ],
    "The recipient's mailbox is full.",
    "The recipient makes room.",
  ],
  [
    "too-large",
    [{ status: ["5.3.4", "5.2.3"] }, { code: [552], words: ["size"] }, { words: ["message size exceeds"] }],
    "The message is larger than the next hop takes.",
    "Send smaller attachments. MAXSIZE of the policy can refuse such messages at once.",
  ],
  [
    "sender-refused",
    [
      { status: ["5.1.8", "4.1.8"] },
      { words: ["sender address rejected"] },
      { words: ["sender verify failed"] },
      { words: ["domain of sender address"] },
      { words: ["sender address", "not owned by user"] },
    ],
    "The next hop does not take this sender: its domain has no MX or address, or the account may not use it.",
    "Let the program use an address that exists, or let the route write one: SNDRWT('relay@your.domain').",
  ],
  [
    "name-refused",
    [
      { words: ["helo command rejected"] },
      { words: ["ehlo", "invalid"] },
      { words: ["need fully-qualified hostname"] },
      { words: ["cannot find your hostname"] },
      { words: ["cannot find your reverse hostname"] },
      { words: ["reverse dns"] },
    ],
    "The next hop does not like the name of this relay: it is no name of the internet, or address and name do not lead to each other.",
    "Set hostname in the configuration to the public name, with an address record, and a PTR record of the address that names it.",
  ],
  [
    "sender-policy",
    [{ status: ["5.7.23"] }, { words: ["spf", "fail"] }, { words: ["not permitted to send"] }],
    "The sender's domain has an SPF record, and this relay is not in it.",
    "Add the public address of this relay to the SPF record of the sender's domain, or send by a smart host that is in it.",
  ],
  [
    "signature-wanted",
    [{ status: ["5.7.20-22", "5.7.26"] }, { words: ["dmarc"] }],
    "The message fails DKIM or DMARC of the sender's domain.",
    "Sign with DKIM for the domain of the From field: relaykeeper dkim create.",
  ],
  [
    "reverse-name-missing",
    [{ status: ["5.7.25", "4.7.25"] }],
    "The sending address has no reverse name (PTR) that leads back to it.",
    "Let whoever owns the address set a PTR record with the host name of this relay.",
  ],
  [
    "null-mx",
    [{ code: [556] }, { status: ["5.1.10", "5.7.27"] }],
    "The domain says (null MX) that it takes no mail, or sends none.",
    "Check the address. A sender must be in a domain that takes mail.",
  ],
  [
    "too-many-connections",
    [
      { words: ["too many concurrent"] },
      { words: ["too many connections"] },
      { words: ["too many sessions"] },
      { words: ["connection limit exceeded"] },
    ],
    "The next hop takes no more connections from this relay at once.",
    "Nothing needs to be done, it is tried again with fewer. Set MAXCNN on the route to what it allows.",
  ],
  [
    "too-fast",
    [
      { words: ["too many messages"] },
      { words: ["rate limit"] },
      { words: ["too much mail"] },
      { words: ["slow down"] },
      { words: ["too frequent"] },
      { words: ["throttl"] },
    ],
    "The next hop takes mail more slowly than it was sent.",
    "Nothing needs to be done, it is tried again. Pace the route where it lasts: RATESEC, RATEMIN, RATEDAY.",
  ],
  [
    "spam-refused",
    [
      { words: ["spam"] },
      { words: ["unsolicited"] },
      { words: ["poor reputation"] },
      { words: ["content rejected"] },
      { words: ["virus"] },
    ],
    "The next hop takes the message for spam or harmful.",
    "Look at its content and attachments; check SPF and DKIM of the sender's domain and whether the address is on a list.",
  ],
  [
    "loop",
    [
      { status: ["5.4.6", "4.4.6"] },
      { words: ["too many hops"] },
      { words: ["mail loop"] },
      { words: ["mail for", "loops back"] },
    ],
    "The message goes in a circle.",
    "Look at the Received fields: a domain is routed from one server to the other and back.",
  ],
  [
    "smtputf8-missing",
    [{ status: ["5.6.7"] }],
    "An address or the header has more than ASCII, and the next hop takes that not.",
    "Use an ASCII address of the recipient.",
  ],
  [
    "storage",
    [{ status: ["4.3.1"] }, { words: ["insufficient system storage"] }, { words: ["insufficient disk space"] }],
    "The next hop has no room left.",
    "Nothing needs to be done here, it is tried again. Tell the postmaster of the other side where it lasts.",
  ],
]);

/** What is known by the words of one house alone. */
export const SPAMHAUS_AND_ENTRA: readonly AdviceRow[] = [...SPAMHAUS, ...ENTRA];

export const EVERYBODY: readonly AdviceRow[] = [...TOKENS, ...SERVERS];

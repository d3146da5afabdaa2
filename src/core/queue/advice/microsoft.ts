/**
 * Exchange Online. After "Email non-delivery reports and SMTP errors in Exchange Online", "Enable or disable authenticated client SMTP
 * submission (SMTP AUTH) in Exchange Online", "Authenticate an IMAP, POP or SMTP connection using OAuth", "How to set up a multifunction
 * device or application to send email using Microsoft 365", "Exchange Online limits" and, for Graph, "Microsoft Graph error responses
 * and resource types", "user: sendMail" and "Microsoft Graph service-specific throttling limits" (Microsoft Learn).
 */
import { rowsOf, type AdviceRow } from "./row.ts";

const OF = ["outlook.com", "office365", "office.com", "microsoft", "outlook.cn", "hotmail"];

const AUTHENTICATION = rowsOf("Microsoft 365", [
  [
    "microsoft-basic-auth",
    [{ status: ["5.7.30"] }, { words: ["basic authentication is not supported"] }],
    "User name and password are no longer taken for SMTP AUTH: basic authentication is retired.",
    "Give the route an OAuth account: AUTHMTH(*XOAUTH2) AUTHACC(name). Or send by Graph, PROTOCOL(*GRAPH), or through a connector by IP address.",
  ],
  [
    "microsoft-smtp-auth-tenant",
    [{ words: ["smtpclientauthentication is disabled for the tenant"] }],
    "SMTP AUTH is switched off for the whole organization (SmtpClientAuthenticationDisabled).",
    "An Exchange administrator allows it for the one mailbox: Set-CASMailbox -SmtpClientAuthenticationDisabled $false. It takes effect within an hour. Or send by Graph: PROTOCOL(*GRAPH).",
  ],
  [
    "microsoft-smtp-auth-mailbox",
    [{ words: ["smtpclientauthentication is disabled for the mailbox"] }],
    "SMTP AUTH is switched off for this mailbox (SmtpClientAuthenticationDisabled).",
    "An Exchange administrator runs Set-CASMailbox -SmtpClientAuthenticationDisabled $false for the mailbox of the account. It takes effect within an hour.",
  ],
  [
    "microsoft-security-defaults",
    [{ status: ["5.7.139"], words: ["security defaults"] }],
    "Security defaults of the organization forbid user name and password.",
    "Give the route an OAuth account: AUTHMTH(*XOAUTH2) AUTHACC(name). Security defaults can stay on.",
  ],
  [
    "microsoft-conditional-access",
    [{ status: ["5.7.139"], words: ["did not meet the criteria"] }],
    "The sign-in was stopped by a policy (Conditional Access, legacy authentication blocked, several factors wanted), or the password is wrong.",
    "Look at the sign-in log of the account in Entra ID, which names the policy. An OAuth account with client credentials needs no second factor.",
  ],
  [
    "microsoft-authentication",
    [{ status: ["5.7.139"] }],
    "The sign-in was refused: SMTP AUTH is switched off, a policy stopped it, or the credentials are wrong.",
    "Check in this order: Authenticated SMTP of the mailbox, security defaults and Conditional Access, the sign-in log in Entra ID, the account of the route.",
  ],
  [
    "microsoft-credentials",
    [
      { code: [535], status: ["5.7.3"] },
      { status: ["5.7.3"], words: ["authentication unsuccessful"] },
    ],
    "The credentials or the token were refused. With client credentials Exchange does not know the application, or it may not use this mailbox.",
    "The application needs SMTP.SendAsApp (Office 365 Exchange Online) with admin consent; then New-ServicePrincipal with the object id of the enterprise application, and Add-MailboxPermission FullAccess for it on the mailbox. The user of the account is the address of that mailbox.",
  ],
  [
    "microsoft-not-authenticated",
    [{ status: ["5.7.57"] }, { words: ["client was not authenticated to send anonymous mail"] }],
    "Nothing was sent as credentials, or they were not taken, and this server takes no mail without.",
    "Give the route credentials (AUTHMTH, AUTHACC or *HOSTAUTH). To send without, use the MX of your domain at port 25 with a connector, not smtp.office365.com.",
  ],
  [
    "microsoft-send-as",
    [
      { status: ["5.7.60"] },
      { words: ["sendasdenied"] },
      { words: ["client does not have permissions to send as this sender"] },
    ],
    "The account may not send as the sender of this message.",
    "Give the account Send As for that mailbox (Add-RecipientPermission -AccessRights SendAs), or let the route write a sender that it owns: SNDRWT('relay@your.domain').",
  ],
  [
    "microsoft-starttls",
    [
      { status: ["5.7.3"], words: ["starttls"] },
      { status: ["5.7.57"], words: ["starttls"] },
    ],
    "The server wants TLS before anything else.",
    "Let the route encrypt: TLS(*ENCRYPT), or better TLS(*VERIFY). TLS 1.2 or newer is needed.",
  ],
]);

const RELAYING = rowsOf("Microsoft 365", [
  [
    "microsoft-tenant-attribution",
    [{ status: ["5.7.64"] }, { words: ["tenantattribution"] }],
    "The connection could not be matched with your organization: no connector knows this address or certificate.",
    "Make an inbound connector in the Exchange admin center with the public address of this relay (or the name in its certificate). Sender domain and one of the accepted domains must be yours.",
  ],
  [
    "microsoft-unregistered-domain",
    [{ status: ["5.7.750"] }],
    "Too much mail came from a domain that is not registered with your organization.",
    "Add the sender's domain to the accepted domains, or let the route write a sender of yours: SNDRWT.",
  ],
  [
    "microsoft-new-tenant",
    [{ status: ["5.7.708"] }],
    "Traffic from this address is not accepted, mostly since the organization is new or a trial.",
    "Ask Microsoft support to lift the limit. Until then mail can be held: ACTION(*HOLD) on the route.",
  ],
  [
    "microsoft-tenant-threshold",
    [{ status: ["5.7.705"] }],
    "The organization sent too much mail that looks like spam, and is stopped.",
    "Find the sender in the journal, stop it, and ask Microsoft support to release the organization.",
  ],
  [
    "microsoft-bad-outbound-sender",
    [{ status: ["5.1.8"], of: OF }, { words: ["bad outbound sender"] }],
    "The account is blocked for sending spam, and is perhaps in foreign hands.",
    "Secure the account, then take it off the list: Restricted entities in the Microsoft Defender portal.",
  ],
  [
    "microsoft-recipient-limit",
    [{ status: ["5.1.90"] }],
    "The mailbox reached its limit of recipients for a day.",
    "Wait, or spread mail over several mailboxes. Pace the route: RATEDAY. Bulk mail belongs to Azure Communication Services or another service made for it.",
  ],
  [
    "microsoft-external-limit",
    [{ status: ["5.7.232", "5.7.233"] }],
    "The organization (5.7.233: perhaps a trial) reached its limit of outside recipients for a day.",
    "Wait for the window of 24 hours to move on and pace the route: RATEDAY. More licences raise the limit.",
  ],
  [
    "microsoft-submission-quota",
    [{ status: ["5.2.2"], words: ["submission quota"] }, { words: ["submissionquotaexceeded"] }],
    "The mailbox sent more than its quota allows.",
    "Pace the route: RATEMIN and RATEDAY. Exchange Online allows 30 messages a minute for one mailbox.",
  ],
  [
    "microsoft-concurrency",
    [
      { status: ["4.3.2"], words: ["concurrent connections limit"] },
      { words: ["storedrv.clientsubmit", "sender thread limit"] },
      { words: ["concurrent server connections has exceeded"] },
    ],
    "Too many connections at once for this mailbox: three are allowed.",
    "Set MAXCNN(3) or less on the route. The messages are tried again by themselves.",
  ],
  [
    "microsoft-thread-limit",
    [{ status: ["4.3.2"], words: ["recipient thread limit"] }],
    "The recipient's mailbox gets too many messages at once and is throttled.",
    "Nothing needs to be done, it is tried again. Pace the route where it lasts: RATEMIN.",
  ],
  [
    "microsoft-recipient-rate",
    [{ status: ["5.2.121", "5.2.122"] }],
    "The recipient gets more messages an hour than a mailbox may.",
    "Send less to this one mailbox; alarms in crowds belong into one message or to a group.",
  ],
  [
    "microsoft-throttled",
    [{ status: ["4.7.500-699", "4.7.850-899"] }],
    "Exchange Online slows this address down: it is new, or its traffic changed suddenly.",
    "Nothing needs to be done, it is tried again. If it lasts for a day, ask Microsoft support, and pace the route: RATEMIN.",
  ],
  [
    "microsoft-large-recipient-domain",
    [
      { status: ["5.4.1"], words: ["access denied"] },
      { status: ["5.4.1"], of: OF },
    ],
    "There is no such recipient in the domain (its edge knows all of its addresses), or the domain is not set up at Microsoft 365.",
    "Check the address. For your own domain: accepted domain, and internal relay where some mailboxes are elsewhere.",
  ],
  [
    "microsoft-no-such-recipient",
    [{ status: ["5.1.10"], of: OF }],
    "There is no such recipient.",
    "Check the address with the recipient.",
  ],
  [
    "microsoft-restricted-recipient",
    [{ status: ["5.7.133", "5.7.134", "5.7.136", "5.7.124", "5.7.12"] }],
    "The recipient takes mail from inside the organization, or from named senders, alone.",
    "The owner of the group or mailbox allows the sender, or mail goes in authenticated or through a connector of type on-premises.",
  ],
  [
    "microsoft-external-forwarding",
    [{ status: ["5.7.520"] }],
    "The organization forbids forwarding to the outside.",
    "An administrator allows it for the mailbox in the outbound spam policy.",
  ],
]);

const REPUTATION = rowsOf("Microsoft 365", [
  [
    "microsoft-banned-address",
    [{ status: ["5.7.606-649"] }],
    "The sending address is on the block list of Microsoft.",
    "Ask for its removal in the delist portal (sender.office.com). Find out first who sent spam through it; or send by a smart host.",
  ],
  [
    "microsoft-banned-sender",
    [{ status: ["5.7.501-503", "5.7.511"] }],
    "Address or sender are banned for spam.",
    "Stop the cause, then write to the address that the refusal names (for 5.7.511 delist@microsoft.com).",
  ],
  [
    "microsoft-block-list",
    [{ status: ["5.7.1"], words: ["service unavailable", "client host", "blocked using", "spamhaus"], of: OF }],
    "The sending address is on a list of Spamhaus, which Microsoft asks.",
    "Look the address up at Spamhaus and ask for removal there once the cause is gone.",
  ],
  [
    "microsoft-consumer-block",
    [{ words: ["(s3140)"] }, { words: ["(s3150)"] }, { words: ["part of their network is on our block list"] }],
    "Outlook.com blocks the network of this address.",
    "The owner of the address writes to the sender support of Outlook.com; until then send by a smart host.",
  ],
  [
    "microsoft-spf",
    [{ status: ["5.7.23"], of: OF }, { status: ["4.7.24"] }],
    "The sender's domain has an SPF record, and this address is not in it.",
    "Add the public address of this relay to the SPF record of the sender's domain, or send by a smart host that is in it.",
  ],
  [
    "microsoft-dmarc",
    [{ status: ["5.7.509"] }],
    "The mail fails DMARC of the sender's domain, whose policy is to refuse it.",
    "Sign with DKIM for that domain (relaykeeper dkim create) or put this relay into its SPF record; the domain of the From field must be the same.",
  ],
  [
    "microsoft-authentication-level",
    [{ status: ["5.7.515"] }],
    "Senders of many messages need SPF, DKIM and DMARC, and this domain misses one.",
    "Publish an SPF record with this relay, sign with DKIM (relaykeeper dkim create), and publish a DMARC record.",
  ],
  [
    "microsoft-ipv6",
    [{ status: ["4.7.26", "5.7.510"] }, { status: ["5.7.25"], words: ["ipv6"], of: OF }],
    "Over IPv6, mail must pass SPF or DKIM and the address needs a reverse name; some domains take none at all.",
    "Sign with DKIM and set the reverse name, or send over IPv4: an IPv4 address in *CLTBIND.",
  ],
  [
    "microsoft-helo",
    [{ status: ["5.7.506"] }],
    "The name in EHLO is not that of a host of the internet.",
    "Set hostname in the configuration to the public name of this relay.",
  ],
  [
    "microsoft-from-header",
    [{ status: ["5.7.512", "5.1.20"] }],
    "The header has no From field that RFC 5322 allows, or several addresses in it.",
    "Correct the program that writes the message, or let the route repair it: HDRFIX(*YES).",
  ],
]);

const GRAPH = rowsOf("Microsoft Graph", [
  [
    "graph-send-as",
    [{ words: ["microsoft graph", "errorsendasdenied"] }],
    "The application may not send as the sender of this message.",
    "The mailbox of the sender must be in the scope of the application, and the From field must be its address or one it may send as. Or let the route write the sender: SNDRWT.",
  ],
  [
    "graph-access-denied",
    [
      { words: ["microsoft graph", "erroraccessdenied"] },
      { words: ["microsoft graph", "authorization_requestdenied"] },
    ],
    "The application may not send mail for this mailbox.",
    "Give it the application permission Mail.Send (Microsoft Graph) with admin consent. Where an application access policy or RBAC for Applications limits it, add the mailbox there.",
  ],
  [
    "graph-no-mailbox",
    [
      { words: ["microsoft graph", "mailboxnotenabledforrestapi"] },
      { words: ["microsoft graph", "erroritemnotfound"] },
      { words: ["microsoft graph", "erroruserobjectnotfound"] },
      { words: ["microsoft graph", "errorinvaliduser"] },
      { words: ["microsoft graph", "request_resourcenotfound"] },
      { words: ["microsoft graph", "mailbox", "404"] },
    ],
    "The sender is no mailbox of the organization (or has no licence, or is on premises).",
    "Let the route write a sender that is a licensed mailbox in Exchange Online: SNDRWT('relay@your.domain').",
  ],
  [
    "graph-token",
    [{ words: ["microsoft graph", "invalidauthenticationtoken"] }],
    "The token was not taken: it is not for Microsoft Graph, or of another organization.",
    "The scope of the account must be https://graph.microsoft.com/.default, and its tenant that of the mailbox.",
  ],
  [
    "graph-too-large",
    [
      { words: ["microsoft graph", "errormessagesizeexceeded"] },
      { words: ["microsoft graph", "takes messages up to"] },
    ],
    "The message is larger than Graph takes in one request.",
    "Large messages go by SMTP: a second route with AUTHMTH(*XOAUTH2), or smaller attachments.",
  ],
  [
    "graph-throttled",
    [
      { words: ["microsoft graph", "applicationthrottled"] },
      { words: ["microsoft graph", "mailboxconcurrency"] },
      { words: ["microsoft graph", "429"] },
      { words: ["microsoft graph", "errorexceededmessagelimit"] },
    ],
    "Graph slows the application or the mailbox down.",
    "Nothing needs to be done: it is tried again when Graph said. Pace the route where it lasts: MAXCNN(4), RATEMIN(30).",
  ],
  [
    "graph-recipients",
    [{ words: ["microsoft graph", "errorinvalidrecipients"] }],
    "Graph takes one of the recipients for no valid address.",
    "Check the recipients of the message in the journal.",
  ],
]);

export const MICROSOFT: readonly AdviceRow[] = [...AUTHENTICATION, ...RELAYING, ...REPUTATION, ...GRAPH];

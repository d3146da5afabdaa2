/**
 * Every limit of the house, with its unit in its name and its source. Reaching one is a 4xx or 5xx reply, a pause or a refusal
 * with a message, never a crash and never memory without bound (law 6). `[limits]` of the configuration file overrides those
 * of `DEFAULT_LIMITS`.
 */
export const DEFAULT_LIMITS = {
  /** A command line with CRLF. RFC 5321 §4.5.3.1.4 asks for 512; extensions add to it (RFC 3461, 4954, 6531). */
  commandLineOctets: 2_048,
  /** A base64 line of an AUTH exchange (RFC 4954 §4: 12,288). */
  authLineOctets: 12_288,
  /** A text line with CRLF, longest that is taken; RFC 5321 §4.5.3.1.6 asks for at least 1,000. */
  textLineOctets: 1_048_576,
  /** Recipients of one transaction; RFC 5321 §4.5.3.1.8 asks for at least 100. */
  recipients: 10_000,
  /** Bad commands and refused recipients of one session, until 421. */
  errorsPerSession: 20,
  /** The later half of the errors of a client on no list is answered so much later. */
  errorDelayMs: 1_000,
  /**
   * Commands of a client on no list, since its last message, that bring no mail on: NOOP, RSET, VRFY, HELP, EHLO, an empty chunk, a
   * recipient once more or one too many. Those on top count as errors.
   */
  fruitlessCommands: 100,
  /** A client on no list that neither brings content nor authenticates may stay so long, whatever it says. */
  fruitlessMs: 15 * 60_000,
  /** Before the greeting, for clients on no list: who speaks meanwhile hears 554. 0 greets at once. */
  greetingWaitMs: 0,
  /** ETRN for a domain makes its mail due once in so long; more often it is answered and does nothing (RFC 1985 §8). */
  etrnIntervalMs: 60_000,
  /** Open sessions from one client (IPv6: from one /64). */
  sessionsPerClient: 100,
  /** File descriptors that SMTP clients leave to files, deliveries and operators: who comes on top hears 421. Deliveries leave half of them. */
  spareDescriptors: 8,
  /** Waiting for the next command: RFC 5321 §4.5.3.2.7. */
  commandTimeoutMs: 300_000,
  /** The same, and for blocks of data, from clients on no list while three quarters of MAXINEMM sessions are open. */
  pressedCommandTimeoutMs: 20_000,
  /** Waiting for the next block of data: RFC 5321 §4.5.3.2.5. */
  dataTimeoutMs: 180_000,
  /** A whole session from connect to quit. */
  sessionMs: 4 * 3_600_000,
  /** TLS handshake. */
  handshakeMs: 10_000,
  /** Waiting for the header of the PROXY protocol after connect. */
  proxyHeaderMs: 3_000,
  /** Waiting for the DNS lists of RBLSVR before the greeting; what did not answer then names nobody. */
  listLookupMs: 5_000,
  /** Clients that wait for the DNS lists at once; what comes on top is named by none. */
  listLookups: 1_024,
  /** So much data at least must come within `dataTimeoutMs`: what drips more slowly is cut. */
  dataProgressOctets: 1_024,
  /** Replies that a client has not read; above it, its commands are not read either. */
  unreadReplyOctets: 65_536,
  /** Failed authentications of one session, until 421. */
  authFailuresPerSession: 3,
  /** The longest wait for the answer to an authentication that backing off makes. */
  authDelayMaxMs: 5_000,
  /** Clients and accounts with failed authentications that are remembered. */
  authBackoffEntries: 10_000,
  /** Passwords and proofs being checked at once, over all sessions. */
  authenticationsAtOnce: 64,
  /**
   * Messages in flight over all sessions, as far as they are in memory; at most a tenth of the memory that there is. Above it content
   * goes to files, clients wait until it has, and MAIL and RCPT hear 452.
   */
  memoryOctets: 128 * 1_048_576,
  /** Content above this is streamed to a file of the spool. */
  contentInMemoryOctets: 262_144,
  /** Received fields: RFC 5321 §6.3 asks for at least 100. */
  hops: 100,
  /** Connections to one next hop at once. */
  connectionsPerNextHop: 20,
  /** Connecting to one address of a next hop. */
  connectTimeoutMs: 30_000,
  /** Waiting for a next hop's greeting (RFC 5321 §4.5.3.2.1), and for its answer to EHLO, MAIL or RCPT (§4.5.3.2.2, §4.5.3.2.3). */
  replyTimeoutMs: 300_000,
  /** Waiting for 354 after DATA: RFC 5321 §4.5.3.2.4. */
  dataInitiationTimeoutMs: 120_000,
  /** Until a next hop took a block of data: RFC 5321 §4.5.3.2.5. */
  dataBlockTimeoutMs: 180_000,
  /** Waiting for the reply to end of data: RFC 5321 §4.5.3.2.6. Less makes duplicates. */
  dataTerminationTimeoutMs: 600_000,
  /** A connection to a next hop is kept open this long for the next message. */
  connectionIdleMs: 20_000,
  /** Connections to all next hops together that are kept open for the next message; the one that rested longest is closed first. */
  idleConnections: 200,
  /** Of each step of `route check`: an operator waits for it. */
  probeStepMs: 20_000,
  /** Servers that `route check` tries, where those before cannot be reached. */
  probeServers: 5,
  /** A message that Microsoft Graph takes in one request: 4 MB in base64 ("user: sendMail", Microsoft Graph). */
  graphMessageOctets: 3 * 1_048_576,
  /** Recipients of one request to Graph: 500 a message by default ("Exchange Online limits"). */
  graphRecipients: 500,
  /** Requests to Graph at once, all routes together: four for one mailbox ("Microsoft Graph service-specific throttling limits"). */
  graphConnections: 4,
  /** Waiting for the answer to one request to Graph, connecting included. Less makes duplicates. */
  graphTimeoutMs: 120_000,
  /** An answer of Graph; what goes beyond is not read. */
  graphAnswerOctets: 65_536,
  /** Messages over one connection to a next hop; then a new one, so that load spreads over its servers. */
  messagesPerConnection: 5_000,
  /**
   * Content of messages waiting for their first delivery, kept in memory beside the spool; at most a twentieth of the memory that
   * there is. Above it, content is read back when due.
   */
  queueMemoryOctets: 48 * 1_048_576,
  /** Content that a DSN returns whole where RET=FULL asks for it; above it, and else, the header alone (RFC 3461 §4.3). */
  returnedOctets: 65_536,
  /** A message that waits so long is reported as delayed, once (RFC 3461 §5.2.5). Above `queueAgeMs` none is. */
  delayReportMs: 4 * 3_600_000,
  /** Reports in an hour to one address, and to one domain; what is more is counted and stands in the journal. */
  reportsToAddress: 100,
  reportsToDomain: 1_000,
  /** The same where we do not know the client, so that the sender may be anybody who was named; and to all of these together. */
  strangerReportsToAddress: 5,
  strangerReportsToDomain: 20,
  strangerReports: 200,
  /** Addresses and domains whose reports of the last hour are counted. */
  reportSenders: 10_000,
  /**
   * `delivery.verify_recipients`: how long a client waits at RCPT for the next hop's word; then the recipient is taken, and the next hop is not asked
   * for `verifyRestMs`.
   */
  verifyTimeoutMs: 5_000,
  verifyRestMs: 30_000,
  /** Connections to one next hop that ask for recipients; questions under way, and begun in a minute, at all next hops. Above, recipients are taken unasked. */
  verifyConnections: 2,
  verifyQuestions: 64,
  verifyQuestionsPerMinute: 600,
  /** How long it is remembered that a next hop takes a recipient, or does not; of each kind at most so many, the latest. */
  verifyTakenMs: 3_600_000,
  verifyRefusedMs: 300_000,
  verifiedRecipients: 50_000,
  /** Messages waiting in the queue; above it new mail is deferred with 452. */
  queuedMessages: 1_000_000,
  /** Messages that the capture box keeps; the oldest go first. */
  capturedMessages: 10_000,
  /** Waiting for the DNS on the way to a next hop, all tries together. */
  dnsTimeoutMs: 10_000,
  /** Waiting for one DNS list; what did not answer then is unknown. */
  dnsListTimeoutMs: 2_000,
  /** DNS answers kept, each at most 32 hosts, addresses or texts; and what they hold together. */
  dnsCacheEntries: 10_000,
  dnsCacheOctets: 16 * 1_048_576,
  /** A DNS answer is kept as long as its TTL says (RFC 1035 §3.2.1), within these bounds. */
  dnsTtlMinMs: 5_000,
  dnsTtlMaxMs: 3_600_000,
  /** The longest that it is kept that a name or record is not there; RFC 2308 §5 allows up to three hours. */
  dnsNegativeTtlMaxMs: 300_000,
  /** DNS questions under way at once; more are answered as if nobody had answered. */
  dnsQueries: 4_096,
  /** Ports from which one name server is asked at once, each drawn by chance (RFC 5452 §9.2); further questions share them. */
  dnsPorts: 64,
  /** DNS answers that come over TCP at once (RFC 7766), each at most 64 KiB; further ones wait. */
  dnsTcpConnections: 32,
  /** Waiting for the MTA-STS policy of a domain that is met for the first time; afterwards mail goes as if it had none (RFC 8461 §5.1). */
  stsWaitMs: 5_000,
  /** Fetching one MTA-STS policy, beside the mail (RFC 8461 §3.3: a minute), its size (64 KiB), and how many at once. */
  stsFetchTimeoutMs: 60_000,
  stsPolicyOctets: 65_536,
  stsFetches: 16,
  /** MTA-STS policies kept, in memory and in the data directory, and what they hold together; those not asked for longest go first. */
  stsPolicies: 5_000,
  stsCacheOctets: 16 * 1_048_576,
  /** Policies, and failures of each, that a day's figures for TLSRPT tell apart (RFC 8460 §4.4), and the texts of that day; what is more is counted alone. */
  tlsTallyPolicies: 10_000,
  tlsTallyFailures: 50,
  tlsTallyOctets: 4 * 1_048_576,
  /** The longest that a report waits after the end of its day, by chance (RFC 8460 §4.1), and how long it is tried (§5.5). */
  tlsReportDelayMs: 4 * 3_600_000,
  tlsReportTriesMs: 24 * 3_600_000,
  /** Domains whose reports are made at once, and reports of a day to the mailboxes of one domain, which anybody's record may name. */
  tlsReportsAtOnce: 8,
  tlsReportsToDomain: 1_000,
  /** Posting one report to a web server, from the name to its answer. */
  tlsReportPostMs: 60_000,
  /**
   * Header of a message that is edited on its way out, so that ten thousand recipients in To fit. A longer one is not mended, and the message fails where
   * its author would have to be another.
   */
  editedHeaderOctets: 1_048_576,
  /** Header of a message that is signed by DKIM; a longer one goes out unsigned. */
  dkimHeaderOctets: 262_144,
  /** DKIM signatures kept for the next attempt or next hop of their message, each of about 1.5 KiB. */
  dkimSignatures: 1_000,
  /** DKIM signatures of one message that are verified before it is sealed by ARC; further ones are not spoken of. */
  verifiedSignatures: 8,
  /** Keys of DKIM, over all domains. */
  dkimKeys: 10_000,
  /** OAuth accounts. */
  oauthAccounts: 1_000,
  /** A request to an endpoint of OAuth, from the name to the end of its answer; and that answer. */
  oauthTimeoutMs: 20_000,
  oauthAnswerOctets: 65_536,
  /** Rows and age of the journal. */
  journalRows: 5_000_000,
  journalAgeMs: 90 * 86_400_000,
  /** Refusals of one client for one recipient domain with a row of their own in each minute; the others are counted in one row. */
  journalRefusalsOfOneClientPerMinute: 5,
  /** Rows of the journal for refusals in a minute, whatever the flood; at least 1,100. Above it refusals are counted, not dropped. */
  journalRefusalRowsPerMinute: 2_000,
  /** The same for decisions that let mail through: above what a relay at full speed makes, so that each has its row. */
  journalPassRowsPerMinute: 600_000,
  /** Text on its way to the journal's disk. Above it events are dropped and counted: mail does not wait for its evidence. */
  journalBatchOctets: 16 * 1_048_576,
  /** Entries of all lists of the policy. */
  policyEntries: 2_000_000,
  /** Time in the queue until a message is given up: RFC 5321 §4.5.4.1 asks for 4 to 5 days. */
  queueAgeMs: 5 * 86_400_000,
};

export type Limits = typeof DEFAULT_LIMITS;

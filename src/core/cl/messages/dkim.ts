/** Messages about the keys of DKIM (SMR084n, SMR085n). */
export const DKIM = {
  SMR0841: {
    severity: 0,
    text: "Key &1 made. &2",
    cause: "The private key is in the data directory, sealed. The record below is for the DNS of the domain.",
    recovery: "Publish the record, then relaykeeper dkim check DOMAIN: the key signs once it is seen there.",
  },
  SMR0842: {
    severity: 0,
    text: "Key &1 signs from now on.",
    cause:
      "Mail of the domain that goes out is signed with it. The key of its algorithm that signed before is retired.",
    recovery:
      "Leave the record of a retired key published for some days, for mail that is under way; then remove both.",
  },
  SMR0843: { severity: 0, text: "&1 shown.", cause: "Keys of DKIM. What is private of them is never shown." },
  SMR0844: { severity: 0, text: "The record of key &1 is published.", cause: "The DNS says what it should say." },
  SMR0845: {
    severity: 40,
    text: "The record of key &1 is not right: &2",
    cause: "Verifiers cannot verify what the key signs. A pending key stays pending; one that signs goes on.",
    recovery:
      "relaykeeper dkim show DOMAIN prints the record. Caches may keep an old answer as long as its time to live says.",
  },
  SMR0846: {
    severity: 10,
    text: "The record of key &1 is published with t=y: verifiers may treat signed mail like unsigned.",
    cause: "The record says that the domain only tests DKIM (RFC 6376 §3.6.1).",
    recovery: "Take t=y out of the record when the tests are over.",
  },
  SMR0847: {
    severity: 40,
    text: "The record of key &1 cannot be looked up: &2",
    cause: "The DNS gave no answer. A pending key stays pending; one that signs goes on.",
    recovery: "relaykeeper dkim use DOMAIN --selector S signs with a key that cannot be seen from here.",
  },
  SMR0848: {
    severity: 0,
    text: "&1 of &2 removed.",
    cause: "The private key is gone for good.",
    recovery: "Its record in the DNS can be removed some days later.",
  },
  SMR0849: {
    severity: 40,
    text: "Domain &1 is not valid.",
    cause: "A domain has labels of letters, digits and hyphens.",
  },
  SMR0850: {
    severity: 40,
    text: "Selector &1 is not valid.",
    cause:
      "A selector is a label of letters, digits and hyphens, or several with dots, and fits into a name of the DNS.",
  },
  SMR0851: {
    severity: 40,
    text: "Selector &1 has a key already.",
    cause: "A key is never replaced under its name: mail that is under way would fail.",
    recovery: "Choose another selector, or say none.",
  },
  SMR0852: {
    severity: 40,
    text: "No key of &1 found. &2",
    cause: "There is no such key of DKIM.",
    recovery: "relaykeeper dkim list shows them all.",
  },
  SMR0853: {
    severity: 40,
    text: "Key &1 cannot be opened.",
    cause: "It was sealed with another key of the data directory (sealing.key), or its file is damaged.",
    recovery: "Remove it and make another.",
  },
  SMR0854: {
    severity: 40,
    text: "Not removed: a key of &1 signs now.",
    cause: "Mail of the domain would go out without that signature.",
    recovery: "Make another key first, or say --confirm.",
  },
  SMR0855: {
    severity: 40,
    text: "No more keys: there are as many as dkim_keys of [limits] allows.",
    cause: "A limit of the configuration file.",
    recovery: "Remove retired keys.",
  },
} as const;

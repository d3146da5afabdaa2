/** Messages about the policy: lists (SMR01nn), attributes (SMR02nn), the policy as a whole (SMR07nn). */
export const POLICY = {
  // --- lists ---
  SMR0101: {
    severity: 0,
    text: "Entry &1 added to &2. &3 Version &4.",
    cause: "The entry holds from the next command of every session on. No connection was ended.",
    recovery: "RMVSMTPLE removes it, UNDSMTPCHG takes the change back.",
  },
  SMR0102: {
    severity: 0,
    text: "Entry &1 removed from &2. &3 Version &4.",
    cause: "The entry is gone from the next command of every session on. No connection was ended.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0103: {
    severity: 0,
    text: "Entry &1 of &2 changed. &3 Version &4.",
    cause: "The entry kept its number, its history and its use. It holds from the next command of every session on.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0110: {
    severity: 40,
    text: "Entry &1 is in &2 already, as &3. Nothing was changed.",
    cause: "A list has each address, network or name once.",
    recovery: "Use CHGSMTPLE to change its text, its end or its mask.",
  },
  SMR0111: {
    severity: 40,
    text: "Entry &1 is not in &2. &3",
    cause:
      "Address and mask, or name, must be those of the entry. SUBNETMASK is 255.255.255.255 unless you say otherwise.",
    recovery: "WRKSMTPLE OUTPUT(*PRINT) shows every entry with its number; RMVSMTPLE ENTRY(E17) names it by number.",
  },
  SMR0112: {
    severity: 30,
    text: "&1 is not a valid address for &2. &3",
    cause: "An address is four decimal numbers from 0 to 255 without leading zeros, or an IPv6 address.",
  },
  SMR0113: {
    severity: 30,
    text: "&1 is not a valid subnet mask. &2",
    cause: "A mask is written like an address: 255.255.255.0.",
  },
  SMR0114: {
    severity: 30,
    text: "Mask &1 has holes. &2 was probably meant.",
    cause: "The bits of a mask are ones followed by zeros. With holes it would cover addresses that nobody sees in it.",
    recovery: "Use SUBNETMASK('&2').",
  },
  SMR0115: {
    severity: 30,
    text: "Mask &1 is inverted. &2 was probably meant.",
    cause: "Some routers write masks the other way round. Taken as it stands it would cover every network there is.",
    recovery: "Use SUBNETMASK('&2').",
  },
  SMR0116: {
    severity: 30,
    text: "SUBNETMASK does not go with IPv6 address &1.",
    cause: "IPv6 networks have a prefix length.",
    recovery: "Use IP6NETADR('…') IP6PFX('64'), or INTNETADR('2001:db8::/64').",
  },
  SMR0117: {
    severity: 30,
    text: "Prefix length &1 is not a number from 0 to &2.",
    cause: "The prefix length is how many bits of the address name the network.",
  },
  SMR0118: {
    severity: 30,
    text: "&1 is not a valid domain name for &2. &3",
    cause: "A name is labels of letters, digits and hyphens with dots between them, at most 253 characters.",
  },
  SMR0119: {
    severity: 30,
    text: "&1 is not valid for EXPDATE.",
    cause:
      "EXPDATE is *NONE, a date ('2027-01-31', from 00:00 UTC), a time ('2027-01-31T18:00Z'), or a duration: *12H, *30D, *4W.",
  },
  SMR0120: {
    severity: 40,
    text: "&1 It would let in &2. Nothing was changed; CONFIRM(*YES) does it.",
    cause: "The change opens the relay to many strangers at once, which is what an open relay is.",
    recovery: "Check that it is meant, then enter the command again with CONFIRM(*YES).",
  },
  SMR0121: {
    severity: 40,
    text: "List &1 does not take such a value. Nothing was changed.",
    cause:
      "*ACCEPT and *REJECT hold networks, *NEAR names or networks, *DOMAIN names, *SVRBIND and *CLTBIND addresses.",
  },
  SMR0122: {
    severity: 40,
    text: "The lists are full: &1 entries. Nothing was changed.",
    cause: "The number of entries is limited so that memory is.",
    recovery: "Replace single addresses by networks, or raise the limit in the configuration file.",
  },
  SMR0123: {
    severity: 10,
    text: "Nothing to change: it is so already. &1",
    cause: "The policy has these values already. No new version was made.",
  },
  SMR0124: {
    severity: 40,
    text: "&2 changed the policy at the same time (version &1). Nothing was changed.",
    cause: "Two changes met; the other one was first.",
    recovery: "DSPSMTPCHG shows what it did. Enter the command again if it still stands.",
  },
  SMR0125: {
    severity: 40,
    text: "There is no policy yet. Nothing was changed.",
    cause: "The policy could not be read from the store yet.",
    recovery: "Try again; the log of the server says what is in the way.",
  },
  SMR0126: {
    severity: 30,
    text: "Give ENTRY(E17), or TYPE with address or name.",
    cause: "The command must know which entry is meant.",
  },
  SMR0127: {
    severity: 30,
    text: "PASSWORD('{sealed}…') is not one that this relay sealed.",
    cause: "A sealed password can be opened only with the key of the data directory in which it was sealed.",
    recovery: "Give the password itself; it is sealed before it is kept.",
  },
  SMR0128: {
    severity: 30,
    text: "&1 holds a prefix length already: &2 does not go with it.",
    cause: "A network is given with a mask or with a prefix length, not with both.",
  },
  SMR0129: {
    severity: 40,
    text: "Entry &1 is not there. Nothing was changed.",
    cause: "No entry has that number. Numbers are never used again.",
    recovery: "WRKSMTPLE OUTPUT(*PRINT) shows every entry with its number.",
  },
  SMR0131: {
    severity: 10,
    text: "&1 is redundant: &2 of the same list covers it.",
    cause: "Without this entry every verdict would be the same.",
    recovery: "Remove one of them unless they are to end at different times.",
  },
  SMR0132: {
    severity: 10,
    text: "&1 has no effect: &2 covers all of it.",
    cause: "*REJECT is asked first, at connect, and its clients get no further.",
    recovery: "Remove one of them.",
  },
  SMR0133: {
    severity: 10,
    text: "&1 and &2 contradict each other: *REJECT wins where they overlap.",
    cause: "A client on both lists is refused at connect.",
    recovery: "Remove or narrow one of them.",
  },
  SMR0134: {
    severity: 10,
    text: "&1 has no effect on relaying now: &2.",
    cause: "The entry is kept, but with the present attributes no relay decision is made by it.",
    recovery: "CHGSMTPA ALWRLY(*LIST), (*NEAR) or (*BOTH) says which lists are asked.",
  },
  SMR0135: {
    severity: 10,
    text: "&1 is wide: it covers &2.",
    cause: "So many addresses are rarely those of one's own clients.",
    recovery: "Narrow the entry if it is not meant.",
  },
  SMR0136: {
    severity: 10,
    text: "&1 has expired (&2) and matches nothing.",
    cause: "From its EXPDATE on an entry is kept but matches nothing.",
    recovery: "CHGSMTPLE ENTRY(…) EXPDATE(…) gives it a new end; RMVSMTPLE removes it.",
  },
  SMR0137: {
    severity: 10,
    text: "&1 about entries: WRKSMTPLE OUTPUT(*PRINT) shows them.",
    cause: "An answer names the first hundred entries with something odd about them.",
  },
  SMR0150: {
    severity: 40,
    text: "There is no route &1. &2",
    cause: "CHGSMTPRTE and RMVSMTPRTE name a route that the policy has.",
    recovery: "WRKSMTPRTE OUTPUT(*PRINT) shows every route.",
  },
  SMR0151: {
    severity: 30,
    text: "&1 is not valid for &2. &3",
    cause: "The route would not hold.",
  },
  SMR0152: {
    severity: 40,
    text: "Route &1 is changed with CHGSMTPRTE. Nothing was changed.",
    cause: "CHGSMTPLE changes text and end of a route, nothing else of it.",
    recovery: "Use CHGSMTPRTE RTE(&1).",
  },
  SMR0153: {
    severity: 30,
    text: "&1 is not valid for &2. &3",
    cause: "The *HOSTAUTH entry would not hold: XOAUTH2 and OAUTHBEARER say a token, all other methods a password.",
  },
  SMR0154: {
    severity: 10,
    text: "Credentials go to whoever answers: TLS(*ENCRYPT) of &1 asks for no certificate.",
    cause: "What is sent is encrypted, and whoever is on the way can be the one that it is encrypted to.",
    recovery: "TLS(*VERIFY) asks for a certificate of a known authority, TLS(*PIN) for the one that TLSPIN names.",
  },
  SMR0155: {
    severity: 10,
    text: "&1 names OAuth account &2, and there is none.",
    cause: "Mail that goes this way waits in the queue until the account is there.",
    recovery: "relaykeeper oauth add &2 adds it; relaykeeper oauth list shows those that are there.",
  },
  SMR0140: {
    severity: 0,
    text: "&1 shown.",
    cause: "The list was printed as it stands.",
  },

  // --- attributes ---
  SMR0201: {
    severity: 0,
    text: "SMTP attributes changed: &1. &2 Version &3.",
    cause: "The values hold from the next command of every session on. No connection was ended.",
    recovery: "DSPSMTPA shows every attribute; UNDSMTPCHG takes the change back.",
  },
  SMR0202: {
    severity: 30,
    text: "&1 is not a valid host for &2.",
    cause:
      "A host is a name or an address, with a port where it is not the usual one: smtp.example.net:587, [2001:db8::1]:25.",
  },
  SMR0203: {
    severity: 10,
    text: "&1 is used from the next start on.",
    cause: "The value is stored; the running server keeps the one it started with.",
  },

  SMR0204: {
    severity: 10,
    text: "No attribute was given. Nothing was changed.",
    cause: "The command names no attribute that it could change.",
    recovery: "CHGSMTPA ? shows every attribute with its choices.",
  },

  // --- the policy as a whole ---
  SMR0701: {
    severity: 0,
    text: "Policy applied: &1 Version &2.",
    cause: "The policy is exactly what the file says, in one version.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0702: {
    severity: 30,
    text: "&1 does not belong in a policy file. Only CHGSMTPA, ADDSMTPLE and ADDSMTPRTE do.",
    cause: "A policy file says what the policy is, not what is to be done.",
  },
  SMR0703: {
    severity: 30,
    text: "Entry &1 of &2 stands in the file twice, first in line &3.",
    cause: "A list has each address, network or name once.",
  },
  SMR0704: {
    severity: 0,
    text: "Change undone: &1 Version &2.",
    cause: "The policy is what it was before the newest change, as a new version; the history keeps both.",
  },
  SMR0705: { severity: 10, text: "There is no change to undo.", cause: "The policy is as it was at the beginning." },
  SMR0706: { severity: 0, text: "&1 shown.", cause: "The newest changes of the policy, newest first." },
  SMR0707: {
    severity: 40,
    text: "The policy file has &1. Nothing was changed.",
    cause: "A policy file is applied as a whole or not at all.",
    recovery: "Correct the lines that the messages name.",
  },
  SMR0708: { severity: 0, text: "The policy file is right: &1.", cause: "It can be applied." },
  SMR0709: { severity: 0, text: "The policy is what the file says.", cause: "There is no difference." },
  SMR0710: {
    severity: 0,
    text: "&1 between the policy and the file.",
    cause: "The commands would make the policy what the file says.",
  },
  SMR0711: {
    severity: 30,
    text: "A policy file needs the running relay to seal PASSWORD of &1.",
    cause: "A password in clear is sealed with the key of the data directory before it is kept.",
    recovery: "Apply the file to a running relay, or give the sealed form that policy export writes.",
  },

  SMR0712: {
    severity: 30,
    text: "Attribute &1 stands in the file twice, first in line &2.",
    cause: "A policy file says each attribute once.",
  },
} as const;

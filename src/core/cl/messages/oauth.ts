/** Messages about OAuth accounts (SMR086n, SMR087n). */
export const OAUTH = {
  SMR0861: {
    severity: 0,
    text: "OAuth account &1 added.",
    cause: "Its secrets are in the data directory, sealed. A route or a *HOSTAUTH entry may name it.",
    recovery: "relaykeeper oauth check NAME fetches a token; relaykeeper oauth login NAME asks a person to log in.",
  },
  SMR0862: {
    severity: 0,
    text: "OAuth account &1 changed.",
    cause: "The next token is fetched with what was entered. The token that is kept stays in use until its end.",
    recovery: "relaykeeper oauth check NAME fetches a token now.",
  },
  SMR0863: {
    severity: 0,
    text: "OAuth account &1 removed.",
    cause: "Mail by routes that name it waits in the queue.",
  },
  SMR0864: { severity: 0, text: "&1 shown.", cause: "OAuth accounts. What is secret of them is never shown." },
  SMR0865: {
    severity: 0,
    text: "OAuth account &1 gives tokens; this one is good until &2.",
    cause: "The provider answered with a token, which is used from now on.",
  },
  SMR0866: {
    severity: 40,
    text: "There is &1.",
    cause: "The provider gave no token. Its words follow the status of its answer.",
    recovery:
      "invalid_client: relaykeeper oauth secret NAME enters the right secret. invalid_grant: relaykeeper oauth login NAME, or see what the provider's administrator has withdrawn.",
  },
  SMR0867: {
    severity: 0,
    text: "Open &1 and enter the code &2. It is good until &3.",
    cause: "Whoever enters the code there, and agrees, gives the relay leave to send as that person.",
  },
  SMR0868: {
    severity: 0,
    text: "OAuth account &1 is logged in.",
    cause: "The provider gave a refresh token, which is in the data directory, sealed.",
  },
  SMR0869: {
    severity: 40,
    text: "The login of OAuth account &1 failed: &2.",
    cause: "What the account had before stays as it was.",
    recovery: "relaykeeper oauth login NAME begins another one.",
  },
  SMR0870: {
    severity: 40,
    text: "&1 is no name of an OAuth account.",
    cause: "A name has 1 to 32 of A-Z, 0-9, underscore, hyphen and dot, and begins with a letter or digit.",
  },
  SMR0871: {
    severity: 40,
    text: "There is an OAuth account &1 already.",
    cause: "Names are unique.",
    recovery: "relaykeeper oauth secret NAME gives it another secret; relaykeeper oauth remove NAME removes it.",
  },
  SMR0872: {
    severity: 40,
    text: "There is no OAuth account &1.",
    cause: "Nothing was changed.",
    recovery: "relaykeeper oauth list shows them all.",
  },
  SMR0873: {
    severity: 40,
    text: "No more accounts: there are as many as oauth_accounts of [limits] allows.",
    cause: "Nothing was changed.",
  },
  SMR0874: {
    severity: 40,
    text: "What was entered does not fit OAuth account &1: &2.",
    cause: "Nothing was changed.",
  },
  SMR0875: { severity: 40, text: "The OAuth account is not complete: &1.", cause: "Nothing was changed." },
  SMR0877: {
    severity: 40,
    text: "OAuth account &1 is named by &2. Nothing was removed.",
    cause: "Mail that goes by them would wait in the queue.",
    recovery: "Change or remove them, or add --confirm.",
  },
  SMR0876: {
    severity: 0,
    text: "The login of OAuth account &1 is not finished.",
    cause: "The provider is asked until somebody has logged in or the code has ended.",
  },
} as const;

/** Messages of tls-report (SMR088n). */
export const TLS_REPORTS = {
  SMR0881: {
    severity: 0,
    text: "TLS sessions of &1, domains: &2.",
    cause:
      "What is reported to those of the domains that ask for it, once the day of UTC is over. A day that was reported is shown no more.",
  },
  SMR0882: {
    severity: 40,
    text: "TLS sessions are not counted: no reports are sent.",
    cause: "The configuration has no [reports] tls = true.",
    recovery: "Turn it on and start the relay again. docs/tls.md says what is sent then.",
  },
  SMR0883: {
    severity: 40,
    text: "&1 is no day.",
    cause: "A day is written like 2026-11-24, and is one of UTC.",
    recovery: "Correct it.",
  },
} as const;

import { rowsOf, type AdviceRow } from "./row.ts";

const OF = ["google", "gmail", "gsmtp", "gcdp"];

/**
 * Gmail and Google Workspace. After "Gmail SMTP errors and codes", "Email sender guidelines", "Set up the SMTP relay service" and
 * "Gmail sending limits in Google Workspace" (Google Workspace Admin Help).
 */
const GOOGLE = rowsOf("Google", [
  [
    "google-app-password",
    [{ status: ["5.7.9"] }, { words: ["application-specific password required"] }],
    "The account has two-step verification: its own password is not taken.",
    "Give the route an OAuth account (AUTHMTH(*XOAUTH2)), or use an app password in *HOSTAUTH, or the SMTP relay service by IP address.",
  ],
  [
    "google-web-login",
    [{ words: ["webloginrequired"] }, { status: ["5.7.14"], of: OF }],
    "Google wants this account to sign in with a browser before it sends.",
    "Sign in once in a browser and confirm it was you; better, use an OAuth account or the SMTP relay service.",
  ],
  [
    "google-credentials",
    [{ status: ["5.7.8"], of: OF }, { words: ["username and password not accepted"] }],
    "User name and password were not accepted. Google Workspace takes plain passwords no longer, only app passwords.",
    "Give the route an OAuth account (AUTHMTH(*XOAUTH2)), or an app password in *HOSTAUTH.",
  ],
  [
    "google-authentication-required",
    [{ code: [530], words: ["authentication required"], of: OF }],
    "This server takes no mail without credentials.",
    "Give the route credentials (AUTHMTH, AUTHACC or *HOSTAUTH), or use smtp-relay.gmail.com with the address of this relay registered.",
  ],
  [
    "google-starttls",
    [{ words: ["must issue a starttls command first"], of: OF }, { words: ["tls required for rcpt domain"] }],
    "The server wants TLS before anything else.",
    "Let the route encrypt: TLS(*ENCRYPT), or better TLS(*VERIFY).",
  ],
  [
    "google-relay-denied",
    [{ status: ["5.7.1"], words: ["invalid credentials for relay"] }, { words: ["mail relay denied"] }],
    "The SMTP relay service does not know this address, or the sender is not of your domain.",
    "Add the public address of this relay under Gmail, Routing, SMTP relay service. EHLO must name your domain where senders are others: set hostname.",
  ],
  [
    "google-relay-limit",
    [{ words: ["smtp relay limit exceeded"] }, { words: ["smtp relay sending limit"] }],
    "The limit of the SMTP relay service for your organization is reached.",
    "Pace the route: RATESEC and RATEDAY.",
  ],
  [
    "google-daily-quota",
    [{ status: ["5.4.5"], of: OF }, { words: ["daily user sending"] }, { words: ["daily sending quota exceeded"] }],
    "The account sent as many messages as it may in a day.",
    "Wait a day and pace the route: RATEDAY. The SMTP relay service allows more.",
  ],
  [
    "google-unauthenticated",
    [{ status: ["5.7.26", "4.7.26", "5.7.27", "4.7.27", "5.7.30", "4.7.30"], of: OF }],
    "The message passes neither SPF nor DKIM (or fails DMARC) for the sender's domain.",
    "Add the public address of this relay to the SPF record of the sender's domain and sign with DKIM: relaykeeper dkim create.",
  ],
  [
    "google-dmarc",
    [{ words: ["dmarc policy"], status: ["5.7.26", "5.7.1", "4.7.26"], of: OF }],
    "The mail fails DMARC of the sender's domain, whose policy is to refuse it.",
    "Sign with DKIM for the domain of the From field (relaykeeper dkim create), or let the route write a sender of yours: SNDRWT.",
  ],
  [
    "google-reverse-name",
    [{ status: ["5.7.25", "4.7.23", "4.7.25"], of: OF }],
    "The sending address has no reverse name (PTR), or the name does not lead back to the address.",
    "Let whoever owns the address set a PTR record with the host name of this relay, which needs an address record in turn.",
  ],
  [
    "google-tls-needed",
    [{ status: ["4.7.29", "5.7.29"], of: OF }],
    "The message came without TLS, and senders must use it.",
    "Let the route encrypt: TLS(*MAY) or more.",
  ],
  [
    "google-unsolicited",
    [
      { status: ["5.7.1"], words: ["unsolicited"], of: OF },
      { status: ["5.7.28", "4.7.28"], of: OF },
    ],
    "Google takes the message, or the traffic of this address, for spam.",
    "Check SPF, DKIM and the content; look at the address in Postmaster Tools. Send the first messages from a new address slowly: RATEMIN.",
  ],
  [
    "google-header",
    [
      { status: ["5.7.1"], words: ["not rfc 5322 compliant"] },
      { words: ["messages missing a valid", "header"], of: OF },
    ],
    "The header breaks RFC 5322: a field is missing or stands twice.",
    "Correct the program that writes the message, or let the route repair it: HDRFIX(*YES).",
  ],
  [
    "google-slow-down",
    [
      { status: ["4.7.0"], words: ["unusual rate"] },
      { status: ["4.7.0"], of: OF },
      { status: ["4.2.1"], of: OF },
    ],
    "Google takes no more for now: too much came from this address or for this mailbox.",
    "Nothing needs to be done, it is tried again. Pace the route where it lasts: RATEMIN, MAXCNN.",
  ],
  [
    "google-no-such-recipient",
    [{ status: ["5.1.1"], of: OF }],
    "There is no such recipient.",
    "Check the address with the recipient.",
  ],
]);

const SES = ["amazonaws", "amazonses", "email-smtp"];

/** Amazon SES. After "Amazon SES email sending errors" and "SMTP response codes returned by Amazon SES" (Amazon SES Developer Guide). */
const AMAZON = rowsOf("Amazon SES", [
  [
    "ses-not-verified",
    [{ words: ["email address is not verified"] }],
    "SES does not know the sender as verified in this region; in the sandbox recipients must be verified too.",
    "Verify the domain of the sender in the region of this endpoint, or let the route write a verified sender: SNDRWT. Ask for production access to leave the sandbox.",
  ],
  [
    "ses-not-authorized",
    [{ words: ["is not authorized to perform", "ses:send"] }, { words: ["access denied: user", "ses:"] }],
    "The IAM user of the SMTP credentials may not send (ses:SendRawEmail).",
    "Attach a policy that allows ses:SendRawEmail, for this identity or all.",
  ],
  [
    "ses-credentials",
    [
      { code: [535], words: ["authentication credentials invalid"] },
      { code: [535], of: SES },
    ],
    "The SMTP credentials are not those of this region: they are neither the keys of an IAM user nor good elsewhere.",
    "Make SMTP credentials in the SES console of the region of this endpoint, and put them into *HOSTAUTH.",
  ],
  [
    "ses-rate",
    [{ words: ["maximum sending rate exceeded"] }],
    "More messages a second than the account may send.",
    "Set RATESEC on the route to the rate that the SES console shows. The messages are tried again by themselves.",
  ],
  [
    "ses-daily-quota",
    [{ words: ["daily message quota exceeded"] }],
    "The account sent as many messages as it may in 24 hours.",
    "Set RATEDAY on the route, and ask for a higher quota in the SES console.",
  ],
  [
    "ses-throttled",
    [{ code: [454], words: ["throttling failure"] }],
    "SES slows the account down.",
    "Pace the route: RATESEC, RATEDAY. The messages are tried again by themselves.",
  ],
  [
    "ses-paused",
    [{ words: ["sending paused for this account"] }, { words: ["account is paused"], of: SES }],
    "SES stopped the account for bounces or complaints.",
    "Look at the account dashboard of SES, remove the cause, and ask for a review.",
  ],
  [
    "ses-starttls",
    [{ words: ["must issue a starttls command first"], of: SES }],
    "The server wants TLS before anything else.",
    "Let the route encrypt: TLS(*ENCRYPT), or better TLS(*VERIFY).",
  ],
  [
    "ses-idle",
    [{ words: ["timeout waiting for data from client"] }],
    "SES closed a connection that had nothing to do.",
    "Nothing needs to be done, it is tried again.",
  ],
]);

export const GOOGLE_AND_AMAZON: readonly AdviceRow[] = [...GOOGLE, ...AMAZON];

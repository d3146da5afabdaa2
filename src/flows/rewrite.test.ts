import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import type { Content } from "../core/mail/content.ts";
import type { Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import type { QueuedMessage, QueueId } from "../core/queue/message.ts";
import { Rewriter, type Draft, type Rewriting } from "./rewrite.ts";

const mailbox = (localPart: string, domain: string): Mailbox => ({
  localPart,
  host: { kind: "domain", domain: domain as Domain },
});
const SENDER = mailbox("scan", "floor.example");
const ADDRESS = mailbox("relay", "example.com");
const RELAY: Rewriting = { rewrite: { sender: ADDRESS, header: true }, hygiene: "no" };
const LEAVE: Rewriting = { rewrite: { sender: null, header: true }, hygiene: "no" };
const MAIL = "From: Scan <scan@floor.example>\r\nDate: x\r\nMessage-ID: y\r\n\r\nbody\r\n";
const FORGOT = "To: u@far.example\r\n\r\nbody\r\n";

class Bench {
  reads = 0;
  readonly #octets: Uint8Array;
  readonly rewriter: Rewriter;

  constructor(text: string, editedHeaderOctets = DEFAULT_LIMITS.editedHeaderOctets) {
    this.#octets = Buffer.from(text, "latin1");
    const spool = { readFile: () => this.#blocks() };
    this.rewriter = new Rewriter({ hostname: "relay.example", spool, limits: { editedHeaderOctets } });
  }

  async *#blocks(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < this.#octets.length; at += 20) {
      this.reads++;
      yield this.#octets.subarray(at, at + 20);
    }
  }

  content(kind: "memory" | "file" = "memory"): Content {
    const { length: sizeOctets } = this.#octets;
    return kind === "memory"
      ? { kind, chunks: [this.#octets.subarray(0, 5), this.#octets.subarray(5)], sizeOctets, dotLines: false }
      : { kind, name: "f", sizeOctets, dotLines: false };
  }

  /** The header that goes out; "" where it stays. A reply where the message cannot go. */
  async header(rewriting: Rewriting | null, message = queued(), kind: "memory" | "file" = "memory"): Promise<string> {
    const draft = await this.rewriter.draft(message, this.content(kind), rewriting);
    return "code" in draft ? `${draft.code} ${draft.text.join(" ")}` : Buffer.from(draft.front).toString("latin1");
  }
}

function queued(given: { readonly reversePath?: Mailbox | null; readonly mustMend?: boolean } = {}): QueuedMessage {
  const { reversePath = SENDER, mustMend } = given;
  return {
    id: 7 as QueueId,
    acceptedAt: Date.UTC(2026, 10, 24, 4, 20, 35),
    origin: { client: IPV4_LOOPBACK, helo: "", user: null, protocol: "ESMTP", ...(mustMend ? { mustMend } : {}) },
    envelope: {
      reversePath,
      recipients: [{ forwardPath: mailbox("u", "far.example") }],
      body: "7BIT",
      smtpUtf8: false,
    },
    sizeOctets: 1,
    outcomes: [null],
    attempts: 0,
    held: false,
  };
}

const pathOf = ({ envelope }: Draft): string =>
  envelope.reversePath === null ? "<>" : formatMailbox(envelope.reversePath);

describe("nothing to be done", () => {
  test("is done at once, without a look at the content", () => {
    const bench = new Bench(FORGOT);
    for (const rewriting of [null, LEAVE, { ...RELAY, rewrite: { sender: ADDRESS, header: false } }]) {
      const draft = bench.rewriter.draft(queued(), bench.content("file"), rewriting);
      assert.ok(
        !(draft instanceof Promise) && draft.front.length === 0 && draft.skipOctets === 0 && draft.edits === "",
      );
    }
    assert.equal(bench.reads, 0);
  });

  test("a header that is right already stays as it is", async () => {
    assert.equal(await new Bench(MAIL).header({ ...LEAVE, hygiene: "yes" }, queued({ mustMend: true })), "");
    const right = MAIL.replace("scan@floor.example", "relay@example.com");
    assert.equal(await new Bench(right).header(RELAY), "");
  });
});

describe("the sender", () => {
  test("becomes another in envelope and header, or in the envelope alone", async () => {
    const bench = new Bench(MAIL);
    for (const header of [true, false]) {
      const draft = await bench.rewriter.draft(queued(), bench.content(), {
        ...RELAY,
        rewrite: { sender: ADDRESS, header },
      });
      assert.ok(!("code" in draft));
      assert.equal(pathOf(draft), "relay@example.com");
      assert.equal(draft.front.length > 0, header);
    }
    assert.match(await bench.header(RELAY), /^From: Scan <relay@example\.com>\r\nReply-To: Scan <scan@floor/);
  });

  test("the null reverse-path stays null; its From becomes another all the same", async () => {
    const bench = new Bench(MAIL);
    const draft = await bench.rewriter.draft(queued({ reversePath: null }), bench.content(), RELAY);
    assert.ok(!("code" in draft));
    assert.equal(pathOf(draft), "<>");
    assert.ok(Buffer.from(draft.front).includes("relay@example.com"));
  });

  test("an address beyond ASCII asks for SMTPUTF8", async () => {
    const bench = new Bench(MAIL);
    const sender = mailbox("r\u00e9lais", "example.com");
    const draft = await bench.rewriter.draft(queued(), bench.content(), {
      ...RELAY,
      rewrite: { sender, header: true },
    });
    assert.ok(!("code" in draft) && draft.envelope.smtpUtf8);
    assert.ok(Buffer.from(draft.front).includes("<r\u00e9lais@example.com>"));
  });

  test("is not left as it is where the header is too long to be edited: the message fails", async () => {
    const bench = new Bench(`X: ${"y".repeat(3_000)}\r\n${MAIL}`, 1_000);
    assert.match(await bench.header(RELAY), /^554 The header is too long/);
    assert.equal(await bench.header({ ...LEAVE, hygiene: "yes" }), "");
  });
});

describe("what was forgotten", () => {
  const mendedHeader =
    "To: u@far.example\r\nFrom: <scan@floor.example>\r\nDate: Tue, 24 Nov 2026 04:20:35 +0000\r\nMessage-ID: <Q7@relay.example>\r\n\r\n";
  const table: readonly (readonly [Rewriting["hygiene"] | null, boolean, string])[] = [
    [null, false, ""],
    [null, true, ""],
    ["listed", false, ""],
    ["listed", true, mendedHeader],
    ["yes", false, mendedHeader],
    ["no", true, ""],
  ];
  for (const [hygiene, mustMend, wanted] of table) {
    test(`${hygiene ?? "no route"}, ${mustMend ? "a client that we relay for" : "anybody"}`, async () => {
      const rewriting = hygiene === null ? null : { ...LEAVE, hygiene };
      for (const kind of ["memory", "file"] as const) {
        assert.equal(await new Bench(FORGOT).header(rewriting, queued({ mustMend }), kind), wanted);
      }
    });
  }

  test("a file is read as far as its header goes", async () => {
    const bench = new Bench(`${FORGOT}${"x".repeat(10_000)}`);
    await bench.header({ ...LEAVE, hygiene: "listed" }, queued({ mustMend: true }), "file");
    assert.ok(bench.reads <= 3, `${bench.reads} blocks were read`);
  });
});

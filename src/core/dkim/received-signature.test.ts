import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderReader, type HeaderField } from "../mail/header-fields.ts";
import { readSignature, receivedText } from "./received-signature.ts";

function fieldsOf(text: string): readonly HeaderField[] {
  const reader = new HeaderReader(100_000);
  reader.push(Buffer.from(text.replaceAll("|", "\r\n"), "latin1"));
  return reader.fields() ?? [];
}

const GOOD = "v=1; a=rsa-sha256; d=A.example; s=s_1; c=relaxed; h=From : to:To;| bh=AA|\tAA; l=7; b=BB BB";

test("a signature is read; what it is of comes from below, and itself without its b=", () => {
  const text = `DKIM-Signature: ${GOOD}|To: 1|to:  2|From: x|Subject: y||`;
  const fields = fieldsOf(text);
  const read = readSignature(fields[0]!, 0);
  assert.ok(typeof read !== "string");
  const { domain, selector, header, body, bodyOctets, names, bodyHash, signature } = read;
  assert.deepEqual(
    { domain, selector, header, body, bodyOctets, names, bodyHash, signature },
    {
      ...{ domain: "a.example", selector: "s_1", header: "relaxed", body: "simple", bodyOctets: 7 },
      ...{ names: ["from", "to", "to"], bodyHash: "AAAA", signature: "BBBB" },
    },
  );
  assert.equal(
    receivedText(fields, read).replaceAll("\r\n", "|"),
    "from:x|to:2|to:1|dkim-signature:v=1; a=rsa-sha256; d=A.example; s=s_1; c=relaxed; h=From : to:To; bh=AA AA; l=7; b=",
  );
  const simple = { ...read, header: "simple" as const };
  assert.equal(
    receivedText(fields, simple).replaceAll("\r\n", "|"),
    `From: x|to:  2|To: 1|DKIM-Signature: ${GOOD.replace("BB BB", "")}`,
  );
});

test("what cannot be verified says why", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["v=1", "v=2", "version"],
    ["rsa-sha256", "rsa-sha1", "algorithm"],
    ["d=A.example", "d=a..example", "domain or selector"],
    ["s=s_1", "s=", "domain or selector"],
    ["c=relaxed", "c=relaxed/nowsp", "canonicalization"],
    ["h=From :", "h=Subject:", "signed fields"],
    ["h=From", "h=:From", "signed fields"],
    ["h=From", `h=${"x:".repeat(300)}From`, "signed fields"],
    ["b=BB BB", "b=", "base64"],
    ["BB BB", "BB,BB", "base64"],
    ["l=7", "l=-7", "body length"],
    ["l=7", "x=1", "expired"],
    ["l=7", "x=soon", "expired"],
    ["l=7", "i=@b.example", "identity"],
    ["l=7", "i=@xa.example", "identity"],
    ["l=7", "v=1", "no tag list"],
    ["l=7", "l", "no tag list"],
  ];
  for (const [from, to, why] of cases) {
    const [field] = fieldsOf(`DKIM-Signature: ${GOOD.replace(from, to)}||`);
    assert.equal(readSignature(field!, 2_000), why, to);
  }
  const [below] = fieldsOf(`DKIM-Signature: ${GOOD.replace("l=7", "i=x@sub.a.example")}||`);
  assert.equal(typeof readSignature(below!, 2_000), "object");
});

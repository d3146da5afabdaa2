import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { domainToASCII } from "node:url";
import fc from "fast-check";
import { parentDomains, parseDomain, type Domain } from "./domain.ts";

const label = (length: number): string => "a".repeat(length);

suite("parseDomain()", () => {
  test("gives lower-case A-labels without the trailing dot", () => {
    const cases: [text: string, domain: string][] = [
      ["inside.example", "inside.example"],
      ["INSIDE.Example.", "inside.example"],
      ["localhost", "localhost"],
      ["a-b.c--d.example", "a-b.c--d.example"],
      ["_dmarc.inside.example", "_dmarc.inside.example"],
      ["1.2.example", "1.2.example"],
      ["4u.example", "4u.example"],
      ["bücher.example", "xn--bcher-kva.example"],
      ["BÜCHER.example", "xn--bcher-kva.example"],
      ["XN--BCHER-KVA.example", "xn--bcher-kva.example"],
      ["faß.example", "xn--fa-hia.example"],
      ["例え.テスト", "xn--r8jz45g.xn--zckzah"],
      // UTS 46 maps these to the plain name: they are compared, and forwarded, as that.
      ["ｉｎｓｉｄｅ.example", "inside.example"],
      ["inside。example", "inside.example"],
      ["inside.example。", "inside.example"],
      ["in\u00adside.example", "inside.example"],
      ["inſide.example", "inside.example"],
      [`${label(63)}.example`, `${label(63)}.example`],
      [`${label(63)}.${label(63)}.${label(63)}.${label(61)}.`, `${label(63)}.${label(63)}.${label(63)}.${label(61)}`],
    ];
    for (const [text, domain] of cases) assert.deepEqual(parseDomain(text), { ok: true, value: domain }, text);
  });

  test("tells a look-alike from the name it looks like", () => {
    const cyrillic = parseDomain("іnside.example");
    assert.ok(cyrillic.ok);
    assert.notEqual(cyrillic.value, "inside.example");
    assert.match(cyrillic.value, /^xn--/);
  });

  test("refuses what is no domain, each with its fault", () => {
    const cases: [text: string, fault: string][] = [
      ["", "empty"],
      [".", "empty-label"],
      ["..", "empty-label"],
      [".inside.example", "empty-label"],
      ["inside..example", "empty-label"],
      ["inside.example..", "empty-label"],
      ["inside.example。.", "empty-label"],
      [`${label(64)}.example`, "label-too-long"],
      [`${label(63)}.${label(63)}.${label(63)}.${label(62)}`, "domain-too-long"],
      ["a".repeat(100_000), "domain-too-long"],
      ["-inside.example", "character"],
      ["inside-.example", "character"],
      ["in side.example", "character"],
      ["inside.example\0", "character"],
      ["inside.example\r\n", "character"],
      ["inside@example", "character"],
      ["in/side.example", "character"],
      ["[192.0.2.1]", "character"],
      ["127.0.0.1", "numeric"],
      ["inside.1", "numeric"],
      ["1", "numeric"],
      ["0x7f.1", "numeric"],
      ["xn--\u0080.example", "not-idna"],
      ["xn--zzzzzzzzzz99999.example", "not-idna"],
      ["xn--inside-.example", "not-idna"],
      ["inside\ufffd.example", "not-idna"],
      ["a\u200db.example", "not-idna"],
      ["\u00ad.example", "empty-label"],
      ["ü@inside.example", "not-idna"],
      ["ü inside.example", "not-idna"],
      ["\ud800.example", "not-idna"],
    ];
    for (const [text, fault] of cases) {
      assert.deepEqual(parseDomain(text), { ok: false, error: fault }, JSON.stringify(text.slice(0, 60)));
    }
  });

  test("reads its own answer as the same, never throws, and agrees with the platform where both know", () => {
    const name = fc.string({
      unit: fc.oneof(
        fc.constantFrom(..."aZ1-_.。ßüÜſ\u00ad"),
        fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
      ),
      maxLength: 40,
    });
    fc.assert(
      fc.property(name, (text) => {
        const parsed = parseDomain(text);
        if (!parsed.ok) return;
        assert.deepEqual(parseDomain(parsed.value), parsed);
        assert.deepEqual(parseDomain(parsed.value.toUpperCase()), parsed);
        assert.match(parsed.value, /^[a-z0-9_.-]+$/);
        const platform = domainToASCII(text.replace(/[.。]$/, ""));
        if (platform !== "" && /[^\0-\x7f]/.test(text)) assert.equal(parsed.value, platform.replace(/\.$/, ""));
      }),
      { numRuns: 800 },
    );
  });

  test("is quick about the longest and oddest of names", () => {
    const odd = ["ﷺ", "ß", "\u00ad", "あ", "a\u0301", "。", "xn--a.", "\u{1f468}"];
    const distinct = Array.from({ length: 250 }, (_, i) => String.fromCharCode(0x4e00 + i * 7)).join("");
    for (const text of [...odd.map((part) => part.repeat(300).slice(0, 255)), distinct, `xn--${"9".repeat(250)}`]) {
      const begun = process.cpuUsage().user;
      parseDomain(text);
      const micros = process.cpuUsage().user - begun;
      assert.ok(micros < 100_000, `${micros} µs for ${text.slice(0, 4)}`);
    }
  });
});

test("parentDomains() gives the name and what is above it, from the right", () => {
  assert.deepEqual(parentDomains("mail.example.com" as Domain), ["com", "example.com", "mail.example.com"]);
  assert.deepEqual(parentDomains("com" as Domain), ["com"]);
});

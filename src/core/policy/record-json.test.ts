import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import { address, domain, randomScene } from "../../../tests/policy/scene.ts";
import { decodePolicyChange, encodePolicyChange } from "./record-json.ts";
import type { NewEntry, PolicyChange } from "./policy.ts";

suite("encodePolicyChange() and decodePolicyChange()", () => {
  test("are each other's inverse", () => {
    const chance = new Chance(9);
    for (let i = 0; i < 300; i++) {
      const { policy } = randomScene(chance);
      const entries: NewEntry[] = Array.from(policy.entries(), ({ list, value, text, expiresAt }) => ({
        list,
        value,
        text,
        expiresAt,
      }));
      entries.push(
        { list: "*CLTBIND", value: { kind: "address", address: address("2001:db8::1") }, text: "ü\t'", expiresAt: 5 },
        {
          list: "*HOSTAUTH",
          value: {
            kind: "host-credentials",
            host: "smtp.example",
            user: "u",
            sealedPassword: "x",
            method: "auto",
            account: "",
          },
          text: "",
          expiresAt: null,
        },
      );
      entries.push({
        list: "*HOSTAUTH",
        value: {
          kind: "host-credentials",
          host: "b.example",
          user: "",
          sealedPassword: "",
          method: "xoauth2",
          account: "M365",
        },
        text: "",
        expiresAt: null,
      });
      const changes: PolicyChange[] = [
        { kind: "set-attributes", attributes: { MAILROUTER: "r:25", ALIASDMN: [domain("a.example")] } },
        { kind: "set-attributes", attributes: { MAILROUTER: null, RTYDAY: { attempts: 1, interval: 2 } } },
        { kind: "remove-entry", id: 7 },
        { kind: "change-entry", id: 7, text: "x" },
        { kind: "change-entry", id: 7, expiresAt: null },
        { kind: "replace", attributes: policy.attributes, entries },
        ...entries.flatMap((entry): PolicyChange[] => [
          { kind: "add-entry", entry },
          { kind: "change-entry", id: 9, value: entry.value, expiresAt: 12 },
        ]),
      ];
      for (const change of changes) {
        const decoded = decodePolicyChange(encodePolicyChange(change));
        assert.ok(decoded.ok, JSON.stringify(decoded));
        assert.deepEqual(decoded.value, change);
      }
    }
  });

  test("a *HOSTAUTH entry from before methods and accounts is one of a password", () => {
    const decoded = decodePolicyChange(
      '{"kind":"add-entry","entry":["*HOSTAUTH",["host-credentials","a.example","u","sealed"],"",null]}',
    );
    assert.deepEqual(decoded.ok && decoded.value.kind === "add-entry" && decoded.value.entry.value, {
      kind: "host-credentials",
      host: "a.example",
      user: "u",
      sealedPassword: "sealed",
      method: "auto",
      account: "",
    });
  });

  test("what is no change is a fault, never a guess", () => {
    const faulty = [
      "",
      "{",
      "null",
      "[]",
      "{}",
      '{"kind":"open-wide"}',
      '{"kind":"set-attributes"}',
      '{"kind":"set-attributes","attributes":{"ALWRLX":"*ALL"}}',
      '{"kind":"set-attributes","attributes":{"ALWRLY":7}}',
      '{"kind":"set-attributes","attributes":{"ALWRLY":"*SOME"}}',
      '{"kind":"set-attributes","attributes":{"ALIASDMN":"a.example"}}',
      '{"kind":"set-attributes","attributes":{"toString":"*YES"}}',
      '{"kind":"set-attributes","attributes":{"MAXEMMSIZE":-1}}',
      '{"kind":"set-attributes","attributes":{"RTYMIN":{"attempts":1}}}',
      '{"kind":"set-attributes","attributes":{"RBLSVR":["Upper.example"]}}',
      '{"kind":"remove-entry","id":"7"}',
      '{"kind":"add-entry","entry":["*ACCEPT",["network","10.0.0.0/33"],"",null]}',
      '{"kind":"add-entry","entry":["*WHITE",["network","10.0.0.0/8"],"",null]}',
      '{"kind":"add-entry","entry":["*ACCEPT",["network","10.0.0.0/8"],"","soon"]}',
      '{"kind":"add-entry","entry":["*NEAR",["domain","a..b"],"",null]}',
      '{"kind":"add-entry","entry":["*HOSTAUTH",["host-credentials","a","u","x","*NONE"],"",null]}',
      '{"kind":"replace","attributes":{},"entries":{}}',
    ];
    for (const text of faulty) assert.equal(decodePolicyChange(text).ok, false, text);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMailbox } from "./mailbox.ts";
import { localPartRouting, percentStep } from "./routing.ts";

test("percentStep() follows the last percent, to a domain alone", () => {
  const cases: [localPart: string, mailbox: string | null][] = [
    ["user%far.example", "user@far.example"],
    ["user%a.example%B.Example.", "user%a.example@b.example"],
    ["User.Name%bücher.example", "User.Name@xn--bcher-kva.example"],
    ["user%40far.example", "user@40far.example"],
    ["user", null],
    ["%far.example", null],
    ["user%", null],
    ["us.%far.example", null],
    ["user%192.0.2.1", null],
    ["user%a..b", null],
  ];
  for (const [localPart, mailbox] of cases) {
    const step = percentStep(localPart);
    assert.equal(step && formatMailbox(step), mailbox, localPart);
  }
});

test("localPartRouting() sees routes in quotes too", () => {
  assert.deepEqual(localPartRouting("user"), { percent: false, bang: false, at: false, quoted: false });
  assert.deepEqual(localPartRouting('"a%b!c@d"'), { percent: true, bang: true, at: true, quoted: true });
});

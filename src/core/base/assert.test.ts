import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as promise, AssertionFault, isBug } from "./assert.ts";

test("assert() throws a fault that is a bug; trouble of the world outside is none", () => {
  assert.throws(() => promise(false, "it holds"), AssertionFault);
  assert.doesNotThrow(() => promise(true, "it holds"));
  for (const fault of [new AssertionFault("x"), new TypeError("x"), new ReferenceError("x")]) assert.ok(isBug(fault));
  for (const fault of [new Error("ENOSPC"), "text", null, undefined]) assert.ok(!isBug(fault));
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ScramVerifier, UserStore } from "../../src/flows/ports.ts";
import { NOW } from "./sample-message.ts";

export interface UserStoreUnderTest {
  readonly users: UserStore;
  close(): Promise<void>;
}

function verifier(seed: number): ScramVerifier {
  return {
    salt: Uint8Array.of(seed, 0, 255),
    iterations: 4_096 + seed,
    storedKey: new Uint8Array(32).fill(seed),
    serverKey: new Uint8Array(32).fill(255 - seed),
  };
}

/** Octets compare as octets, whatever kind of array holds them. */
function plain(found: ScramVerifier | null): unknown {
  if (!found) return null;
  const { salt, iterations, storedKey, serverKey } = found;
  return { salt: [...salt], iterations, storedKey: [...storedKey], serverKey: [...serverKey] };
}

/** What the port UserStore promises. `open` makes a new, empty one. */
export function userStoreContract(adapter: string, open: () => Promise<UserStoreUnderTest>): void {
  describe(`UserStore of ${adapter}`, () => {
    test("put(), find(), list() and remove() keep a verifier a user", async () => {
      const under = await open();
      const { users } = under;
      try {
        assert.equal(await users.find("ann"), null);
        assert.equal(await users.put("zoë", verifier(1), NOW), false);
        assert.equal(await users.put("ann", verifier(2), NOW + 1), false);
        assert.deepEqual(plain(await users.find("zoë")), plain(verifier(1)));
        assert.equal(await users.find("Ann"), null);
        assert.equal(await users.put("ann", verifier(3), NOW + 9), true);
        assert.deepEqual(plain(await users.find("ann")), plain(verifier(3)));
        assert.deepEqual(await users.list(), [
          { name: "ann", addedAt: NOW + 1 },
          { name: "zoë", addedAt: NOW },
        ]);
        assert.equal(await users.remove("ann"), true);
        assert.equal(await users.remove("ann"), false);
        assert.deepEqual(await users.list(), [{ name: "zoë", addedAt: NOW }]);
      } finally {
        await under.close();
      }
    });
  });
}

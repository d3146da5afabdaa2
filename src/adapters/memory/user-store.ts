import type { Instant } from "../../core/base/time.ts";
import type { ScramVerifier, UserStore } from "../../flows/ports.ts";

export class MemoryUserStore implements UserStore {
  readonly #users = new Map<string, { readonly verifier: ScramVerifier; readonly addedAt: Instant }>();

  async find(name: string): Promise<ScramVerifier | null> {
    return this.#users.get(name)?.verifier ?? null;
  }

  async put(name: string, verifier: ScramVerifier, at: Instant): Promise<boolean> {
    const known = this.#users.get(name);
    this.#users.set(name, { verifier, addedAt: known?.addedAt ?? at });
    return known !== undefined;
  }

  async remove(name: string): Promise<boolean> {
    return this.#users.delete(name);
  }

  async list(): Promise<readonly { readonly name: string; readonly addedAt: Instant }[]> {
    return [...this.#users]
      .map(([name, { addedAt }]) => ({ name, addedAt }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

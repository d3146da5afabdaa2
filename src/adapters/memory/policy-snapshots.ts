import type { PolicySnapshots } from "../../flows/ports.ts";

export class MemoryPolicySnapshots implements PolicySnapshots {
  /** Of what is saved; null where nothing is. */
  version: number | null = null;
  #octets: Uint8Array<ArrayBuffer> | null = null;

  async load(): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#octets;
  }

  async save(version: number, parts: Iterable<Uint8Array>): Promise<void> {
    const octets = Array.from(parts, (part) => Array.from(part)).flat();
    this.#octets = Uint8Array.from(octets);
    this.version = version;
  }
}

import type { NextHop, OutgoingMessage, Transport, TransportResult } from "./ports.ts";

/** Hands each message to the transport that its next hop speaks. */
export class ChosenTransport implements Transport {
  readonly #transports: Readonly<Record<NextHop["transport"], Transport>>;

  constructor(transports: Readonly<Record<NextHop["transport"], Transport>>) {
    this.#transports = transports;
  }

  send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    return this.#transports[hop.transport].send(hop, message);
  }

  connections(): number {
    return Object.values(this.#transports).reduce((sum, one) => sum + one.connections(), 0);
  }

  async close(deadlineMs: number): Promise<void> {
    await Promise.all(Object.values(this.#transports).map((one) => one.close(deadlineMs)));
  }
}

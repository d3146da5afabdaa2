import type { Limits } from "../core/base/limits.ts";
import { err, type Result } from "../core/base/result.ts";
import type { Content } from "../core/mail/content.ts";
import { lacksCare, scanHeader, scanOn, type HeaderScan } from "../core/mail/header.ts";
import type { Reply } from "../core/mail/reply.ts";
import { BareLfRepair } from "../core/smtp/bare-lf.ts";
import { ContentFraming } from "../core/smtp/framing.ts";
import {
  BARE_LINE_END,
  MAIL_LOOP,
  NO_ROOM,
  NOT_STORED,
  TEXT_LINE_TOO_LONG,
  TOO_LARGE,
  TOO_MANY_HOPS,
} from "../core/smtp/replies.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { ContentWriter, Spool, SpoolFault } from "./ports.ts";

/** Our own name so often in Received fields is a loop. */
const OWN_HOPS_MAX = 3;

/**
 * The content of the message that a session is receiving: in memory up to `contentInMemoryOctets`, then in a file of the spool; while
 * all sessions together hold more than their budget, from its first block on, unless it is complete. Once it cannot be accepted any
 * more, the rest is swallowed unkept.
 */
export class IncomingContent {
  chunkOctets = 0;
  chunkIsLast = false;
  chunkRefusal: Reply | null = null;
  #chunkLeft = 0;
  readonly #limits: Limits;
  readonly #budget: MemoryBudget;
  readonly #spool: Pick<Spool, "openContent">;
  readonly #framing: ContentFraming;
  readonly #repair = new BareLfRepair();
  #sizeMaxOctets = 0;
  #bareLf = false;
  #binary = false;
  #failure: Reply | null = null;
  #heldOctets = 0;
  #countedOctets = 0;
  #scan: HeaderScan | null = null;
  #writer: ContentWriter | null = null;

  constructor(limits: Limits, budget: MemoryBudget, spool: Pick<Spool, "openContent">) {
    this.#limits = limits;
    this.#budget = budget;
    this.#spool = spool;
    this.#framing = new ContentFraming(limits.textLineOctets);
  }

  /** Ready for a message; with `bareLf` an LF alone is made CRLF, with `binary` octets are only counted. */
  begin(sizeMaxOctets: number, bareLf: boolean, binary: boolean): void {
    this.#framing.reset();
    this.#repair.reset();
    this.#sizeMaxOctets = sizeMaxOctets;
    this.#bareLf = bareLf && !binary;
    this.#binary = binary;
    this.#failure = null;
    this.#scan = null;
    this.#countedOctets = 0;
  }

  get sizeOctets(): number {
    return this.#framing.sizeOctets;
  }

  /** Reads data; the index behind its end, or -1 while it goes on. */
  readData(octets: Uint8Array, from: number): number {
    let next: number;
    if (this.#bareLf) {
      const taken = this.#repair.repairData(octets, from);
      next = this.#framing.readData(this.#repair.octets, 0) < 0 ? -1 : taken;
    } else next = this.#framing.readData(octets, from);
    this.#collect();
    return next;
  }

  /**
   * A BDAT chunk begins: so many octets follow, whatever they look like. With a `refusal` they are swallowed, and it is said
   * afterwards.
   */
  beginChunk(octets: number, last: boolean, refusal: Reply | null): void {
    this.chunkOctets = octets;
    this.chunkIsLast = last;
    this.chunkRefusal = refusal;
    this.#chunkLeft = octets;
    if (refusal === null && this.#framing.sizeOctets + octets > this.#sizeMaxOctets) this.fail(TOO_LARGE);
  }

  get chunkIsComplete(): boolean {
    return this.#chunkLeft === 0;
  }

  /** Reads of the chunk what is there; the index behind it. */
  readChunk(octets: Uint8Array, from: number): number {
    const to = Math.min(octets.length, from + this.#chunkLeft);
    this.#chunkLeft -= to - from;
    if (this.chunkRefusal === null) this.#readPiece(octets, from, to);
    return to;
  }

  #readPiece(octets: Uint8Array, from: number, to: number): void {
    if (this.#bareLf) {
      this.#repair.repairChunk(octets, from, to);
      this.#framing.readChunk(this.#repair.octets, 0, this.#repair.octets.length);
    } else this.#framing.readChunk(octets, from, to);
    this.#collect();
  }

  /** BDAT LAST was read. */
  endChunks(): void {
    this.#framing.endChunks(this.#binary);
    this.#collect();
  }

  /** More is held than should be: `spill` must run before more is read. `complete`: there is no more. */
  mustSpill(complete: boolean): boolean {
    if (this.#failure !== null || this.#heldOctets === 0) return false;
    if (this.#writer !== null || this.#heldOctets > this.#limits.contentInMemoryOctets) return true;
    return this.#budget.isTight && !complete;
  }

  /**
   * Writes what is held to the spool; `received` is our Received field, which goes first. Where there is no room it is kept for
   * `refusal`; a fault of the disk is thrown. Nothing else may be called until it is over.
   */
  async spill(received: () => Uint8Array, hostname: string): Promise<void> {
    const chunks = this.#framing.take();
    const octets = this.#heldOctets;
    this.#scan = this.#scan === null ? scanHeader(chunks, hostname) : scanOn(this.#scan, chunks, hostname);
    this.#heldOctets = 0;
    try {
      if (this.#writer === null) {
        const opened = await this.#spool.openContent();
        if (!opened.ok) return this.fail(opened.error === "full" ? NO_ROOM : NOT_STORED);
        this.#writer = opened.value;
        await this.#writer.write(received());
      }
      for (const chunk of chunks) {
        await this.#writer.write(chunk);
        letGo(chunk);
      }
    } finally {
      this.#budget.usedOctets -= octets;
    }
  }

  /** Nothing of the message is kept from now on; `refusal` says why. */
  fail(why: Reply): void {
    this.#failure ??= why;
    this.#framing.keep = false;
    this.#framing.take();
    this.#drop();
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** Why the message cannot be accepted, once it is complete; null where it can. */
  refusal(hostname: string): Reply | null {
    const framing = this.#framing;
    if (this.#failure !== null) return this.#failure;
    if ((framing.bareCr || framing.bareLf) && !this.#binary) return BARE_LINE_END;
    if (framing.lineTooLong && !this.#binary) return TEXT_LINE_TOO_LONG;
    this.#scan ??= scanHeader(this.#framing.flushed(), hostname);
    if (this.#scan.received > this.#limits.hops) return TOO_MANY_HOPS;
    return this.#scan.ownReceived >= OWN_HOPS_MAX ? MAIL_LOOP : null;
  }

  /** `TLS-Required: No` stands in the header. Known once `refusal` was asked. */
  get tlsOptional(): boolean {
    return this.#scan?.tlsOptional === true;
  }

  /** The header lacks what a mail program adds, or has what one removes. Known once `refusal` was asked. */
  get lacksCare(): boolean {
    return this.#scan !== null && lacksCare(this.#scan);
  }

  /** The content that was spilled to a file, synced. */
  async finish(): Promise<Result<Content, SpoolFault>> {
    const writer = this.#writer;
    this.#writer = null;
    return writer === null ? err("broken") : writer.finish(this.#framing.dotLines);
  }

  get isInMemory(): boolean {
    return this.#writer === null;
  }

  /** The content with `received` in front. The budget counts it until `end`. */
  inMemory(received: Uint8Array): Content {
    const chunks = this.#framing.take();
    chunks.unshift(received);
    const sizeOctets = received.length + this.#framing.sizeOctets;
    return { kind: "memory", chunks, sizeOctets, dotLines: this.#framing.dotLines };
  }

  /** The message is stored, refused or abandoned: nothing of it is held here any more. */
  end(): void {
    this.#framing.reset();
    this.#drop();
  }

  #collect(): void {
    const framing = this.#framing;
    if (framing.sizeOctets > this.#sizeMaxOctets && this.#failure === null) return this.fail(TOO_LARGE);
    const added = framing.sizeOctets - this.#countedOctets;
    this.#countedOctets = framing.sizeOctets;
    if (this.#failure !== null) return;
    this.#heldOctets += added;
    this.#budget.usedOctets += added;
  }

  #drop(): void {
    this.#budget.usedOctets -= this.#heldOctets;
    this.#heldOctets = 0;
    this.#countedOctets = 0;
    const writer = this.#writer;
    this.#writer = null;
    // The file has no name in any table: where it cannot be removed now, the next start removes it.
    if (writer !== null) writer.abort().catch(() => undefined);
  }
}

/**
 * A block that was written is of no more use. Where it is all there is in its buffer, the memory is given back at once: the collector
 * of garbage is in no hurry, and a thousand clients send a thousand blocks meanwhile.
 */
function letGo(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.length > 0 && chunk.length === buffer.byteLength) buffer.transfer(0);
}

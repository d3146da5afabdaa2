import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** File descriptors of this process: how many it may have, and whether they run short. */
export class Descriptors {
  /** RLIMIT_NOFILE; Infinity where the system does not say. */
  readonly max: number;

  constructor(max = readMax()) {
    this.max = max;
  }

  /**
   * Whether `spare` more could be opened beside that of an open `socket`. A system gives the lowest number that is free, so a
   * high number means that all below it are in use: nothing need be counted.
   */
  leaves(spare: number, socket: Socket): boolean {
    const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
    return (handle?.fd ?? -1) < this.max - spare;
  }
}

function readMax(): number {
  try {
    const [, max] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return max === undefined ? Infinity : Number(max);
  } catch {
    return Infinity;
  }
}

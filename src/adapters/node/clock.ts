import type { Clock } from "../../flows/ports.ts";

/** The longest delay that node's timers take; longer ones are walked in steps. */
const DELAY_MAX_MS = 2_147_483_647;

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    let left = Math.max(0, delayMs);
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const step = Math.min(left, DELAY_MAX_MS);
      left -= step;
      timer = setTimeout(() => (left > 0 ? wait() : task()), step).unref();
    };
    wait();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves once the event loop went round: everything that waited had its turn. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

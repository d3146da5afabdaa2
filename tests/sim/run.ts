import type { Mutation } from "./mutations.ts";
import { Simulation, type Verdict } from "./simulation.ts";

/** Simulations that go on side by side, so that a turn of the loop is shared by many. Each is as it would be alone. */
const ABREAST = 64;

/** Runs the simulations of these seeds and hands over each verdict as it comes. Stops early where `heard` says so. */
export async function runSeeds(
  seeds: Iterable<number>,
  heard: (verdict: Verdict) => "go on" | "stop",
  mutation: Mutation | null = null,
): Promise<void> {
  const left = seeds[Symbol.iterator]();
  const running: Simulation[] = [];
  const begin = (): void => {
    const next = left.next();
    if (!next.done) running.push(new Simulation(next.value, mutation));
  };
  for (let i = 0; i < ABREAST; i++) begin();
  while (running.length > 0) {
    for (const simulation of running) simulation.step();
    // What the events set free settles before the next ones.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (let i = running.length - 1; i >= 0; i--) {
      const simulation = running[i];
      if (!simulation?.isDone) continue;
      running.splice(i, 1);
      if (heard(simulation.verdict()) === "stop") return;
      begin();
    }
  }
}

export function* seedsFrom(first: number, count: number): Iterable<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}

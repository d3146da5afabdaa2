/** A data directory whose policy has a list of networks, made as the relay itself would, without the minutes of a command for each. */
import { systemClock } from "../../../src/adapters/node/clock.ts";
import { openStore } from "../../../src/adapters/store-sqlite/store.ts";
import { DEFAULT_LIMITS } from "../../../src/core/base/limits.ts";
import { parseCidr } from "../../../src/core/mail/network.ts";
import { DEFAULT_ATTRIBUTES, type NewEntry } from "../../../src/core/policy/policy.ts";
import { PolicyKeeper } from "../../../src/flows/administer.ts";
import { SnapshotSaver } from "../../../src/flows/save-snapshots.ts";

/** ALWRLY(*LIST) ALWAUTH(*RELAY), room for thousands of sessions, and each of the networks, in CIDR notation, on *ACCEPT. */
export async function makePolicy(dataDirectory: string, networks: readonly string[]): Promise<void> {
  const report = (text: string): void => void process.stderr.write(`${text}\n`);
  const opened = await openStore({ dataDirectory, limits: DEFAULT_LIMITS, clock: systemClock, report });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const store = opened.value;
  const snapshots = store.policySnapshots;
  const policy = await PolicyKeeper.open({
    log: store.policyLog,
    snapshots,
    clock: systemClock,
    limits: DEFAULT_LIMITS,
    localDomains: [],
    use: () => null,
    record: () => undefined,
  });
  const entries = networks.map((text): NewEntry => {
    const network = parseCidr(text);
    if (!network.ok) throw new Error(`${text} is no network`);
    return { list: "*ACCEPT", value: { kind: "network", network: network.value }, text: "", expiresAt: null };
  });
  const attributes = { ...DEFAULT_ATTRIBUTES, ALWRLY: "*LIST", ALWAUTH: "*RELAY", MAXINEMM: 4_000 } as const;
  const change = { kind: "replace", attributes, entries } as const;
  const saver = new SnapshotSaver({ policy, snapshots, clock: systemClock, onFault: (fault) => report(String(fault)) });
  saver.start();
  const changed = await policy.change({ change, command: "bench", by: "bench", confirmed: true });
  if (!changed.ok) throw new Error(changed.error.kind);
  await saver.stop();
  await store.close();
}

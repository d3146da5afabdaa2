import { MemoryPolicyLog } from "../../src/adapters/memory/policy-log.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { parsePolicy } from "../../src/core/cl/policy-text.ts";
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import type { CompiledPolicy } from "../../src/core/policy/compile.ts";
import { PolicyKeeper } from "../../src/flows/administer.ts";

export function domain(text: string): Domain {
  const parsed = parseDomain(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value;
}

/** The real policy, worked by commands as in a policy file; a later CHGSMTPA takes the place of an earlier one. */
export class TestPolicy {
  readonly #keeper: PolicyKeeper;
  readonly #attributes = new Map<string, string>();
  readonly #entries: string[] = [];

  private constructor(keeper: PolicyKeeper) {
    this.#keeper = keeper;
  }

  /** ALWRLY(*LIST), and no entry. */
  static async open(localDomains: readonly string[]): Promise<TestPolicy> {
    const keeper = await PolicyKeeper.open({
      log: new MemoryPolicyLog(),
      clock: systemClock,
      limits: DEFAULT_LIMITS,
      localDomains: localDomains.map(domain),
      use: () => null,
      record: () => undefined,
    });
    const policy = new TestPolicy(keeper);
    await policy.run("CHGSMTPA ALWRLY(*LIST)");
    return policy;
  }

  compiled(): CompiledPolicy | null {
    return this.#keeper.compiled();
  }

  async run(command: string): Promise<void> {
    if (command.startsWith("ADDSMTPLE")) this.#entries.push(command);
    else
      for (const [, name = "", value = ""] of command.matchAll(/(\w+)\(([^)]*)\)/g)) this.#attributes.set(name, value);
    const attributes = Array.from(this.#attributes, ([name, value]) => `${name}(${value})`);
    const text = [`CHGSMTPA ${attributes.join(" ")}`, ...this.#entries].join("\n");
    const parsed = parsePolicy(text, systemClock.now(), null);
    if (!parsed.ok) throw new Error(`${command}: ${parsed.error.map(({ message }) => message.text).join("; ")}`);
    const { change } = parsed.value;
    const changed = await this.#keeper.change({ change, command, by: "test", confirmed: true });
    if (!changed.ok && changed.error.kind !== "nothing-to-change") throw new Error(`${command}: ${changed.error.kind}`);
  }
}

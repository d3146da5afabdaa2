import { finish } from "../../src/core/base/steps.ts";
import { parsePolicy } from "../../src/core/cl/policy-text.ts";
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { compileEntries, CompiledPolicy, emptyPolicy } from "../../src/core/policy/compile.ts";

export function domain(text: string): Domain {
  const parsed = parseDomain(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value;
}

/** The real policy, worked by commands as in a policy file; a later CHGSMTPA takes the place of an earlier one. */
export class TestPolicy {
  readonly #attributes = new Map<string, string>();
  readonly #entries: string[] = [];
  #compiled: CompiledPolicy;

  /** ALWRLY(*LIST), and no entry. */
  constructor(localDomains: readonly string[]) {
    this.#compiled = emptyPolicy({ localDomains: localDomains.map(domain), entriesMax: 1_000 });
    this.run("CHGSMTPA ALWRLY(*LIST)");
  }

  compiled(): CompiledPolicy {
    return this.#compiled;
  }

  run(command: string): void {
    if (command.startsWith("ADDSMTPLE")) this.#entries.push(command);
    else
      for (const [, name = "", value = ""] of command.matchAll(/(\w+)\(([^)]*)\)/g)) this.#attributes.set(name, value);
    const attributes = Array.from(this.#attributes, ([name, value]) => `${name}(${value})`);
    const parsed = parsePolicy([`CHGSMTPA ${attributes.join(" ")}`, ...this.#entries].join("\n"), 0, null);
    if (!parsed.ok) throw new Error(`${command}: ${parsed.error.map(({ message }) => message.text).join("; ")}`);
    const { change } = parsed.value;
    const entries = change.entries.map((entry, i) => ({ ...entry, id: i + 1, addedBy: "test", addedAt: 0 }));
    const compiled = finish(compileEntries(entries));
    if ("twice" in compiled) throw new Error(`${command}: entry ${compiled.twice} stands there twice`);
    this.#compiled = new CompiledPolicy({
      settings: this.#compiled.settings,
      version: this.#compiled.version + 1,
      attributes: change.attributes,
      nextId: entries.length + 1,
      ...compiled,
    });
  }
}

/** A control group with a memory limit, as systemd and containers make them; version 1 and 2 of the kernel's interface. */
import { mkdirSync, existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const roots = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];

export class MemoryGroup {
  readonly #path: string;
  readonly #isOld: boolean;

  private constructor(path: string, isOld: boolean) {
    this.#path = path;
    this.#isOld = isOld;
  }

  /** Null where the kernel lets us make none. */
  static make(octets: number): MemoryGroup | null {
    for (const root of roots) {
      const isOld = existsSync(join(root, "memory.limit_in_bytes"));
      const path = join(root, `relaykeeper-test-${process.pid}-${Math.trunc(octets / 1_048_576)}`);
      try {
        if (!isOld && !readFileSync(join(root, "cgroup.subtree_control"), "latin1").includes("memory")) continue;
        mkdirSync(path);
        const group = new MemoryGroup(path, isOld);
        writeFileSync(join(path, isOld ? "memory.limit_in_bytes" : "memory.max"), String(octets));
        return group;
      } catch {
        // Not ours to make: the next one.
      }
    }
    return null;
  }

  /** Runs what follows inside. */
  get under(): readonly string[] {
    return ["sh", "-c", `echo $$ > ${join(this.#path, "cgroup.procs")} && exec "$@"`, "sh"];
  }

  /** How often the kernel killed somebody here for want of memory. */
  kills(): number {
    const events = readFileSync(join(this.#path, this.#isOld ? "memory.oom_control" : "memory.events"), "latin1");
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? NaN);
  }

  /** Once nobody is inside. */
  remove(): void {
    rmdirSync(this.#path);
  }
}

/**
 * A network of the test's own, made of namespaces of the kernel: the relay's machine, the way to the world, which forwards and on which an
 * attacker may sit, and the world. It is gone when its processes are, whatever ends the test.
 *
 *     relay 198.51.100.2 ---- 198.51.100.1 way 192.0.2.1 ---- world 192.0.2.2 and whatever is added
 *     2001:db8:1::2           2001:db8:1::1    2001:db8:2::1  2001:db8:2::2
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readlink } from "node:fs/promises";
import { ended, eventually, missingRoot, run } from "../peers/programs.ts";

export type Place = "relay" | "way" | "world";

const PLACES: readonly Place[] = ["relay", "way", "world"];

/** For the `skip` of a test: why no such network can be made here, or false. */
export async function missingNetwork(...programs: string[]): Promise<string | false> {
  const reason = missingRoot("ip", "unshare", "nsenter", ...programs);
  if (reason !== false) return reason;
  try {
    await using network = await TestNetwork.make();
    return network.under("world").length > 0 ? false : "no namespaces";
  } catch (fault) {
    return `no network namespaces can be made here: ${fault instanceof Error ? fault.message : String(fault)}`;
  }
}

export class TestNetwork implements AsyncDisposable {
  readonly #holders = new Map<Place, { readonly process: ChildProcess; readonly end: Promise<unknown> }>();

  /** Every address of the world is added with its prefix length: `192.0.2.10/24`. */
  static async make(addresses: readonly string[] = []): Promise<TestNetwork> {
    const network = new TestNetwork();
    try {
      await Promise.all(PLACES.map((place) => network.#hold(place)));
      await network.#connect(
        "relay",
        "way",
        ["198.51.100.2/24", "2001:db8:1::2/64"],
        ["198.51.100.1/24", "2001:db8:1::1/64"],
      );
      await network.#connect(
        "world",
        "way",
        ["192.0.2.2/24", "2001:db8:2::2/64", ...addresses],
        ["192.0.2.1/24", "2001:db8:2::1/64"],
      );
      await network.ip("relay", "route add default via 198.51.100.1", "-6 route add default via 2001:db8:1::1");
      await network.ip("world", "route add default via 192.0.2.1", "-6 route add default via 2001:db8:2::1");
      await network.#do(
        "way",
        "sh",
        "-c",
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
      );
      return network;
    } catch (fault) {
      await network[Symbol.asyncDispose]();
      throw fault;
    }
  }

  /** What goes before a command that shall run there. */
  under(place: Place): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#pid(place)}/ns/net`, "--"];
  }

  /** `ip COMMAND` there, one after the other. */
  async ip(place: Place, ...commands: string[]): Promise<void> {
    await this.#do(place, "sh", "-ec", commands.map((command) => `ip ${command}`).join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process: holder } of this.#holders.values()) holder.stdin?.end();
    await Promise.all([...this.#holders.values()].map(({ end }) => end));
  }

  #pid(place: Place): number {
    return this.#holders.get(place)?.process.pid ?? 0;
  }

  /** A namespace lives as long as a process is in it: this one until its input ends. */
  async #hold(place: Place): Promise<void> {
    const holder = spawn("unshare", ["--net", "cat"], { stdio: ["pipe", "ignore", "pipe"] });
    let complaint = "";
    holder.stderr.setEncoding("latin1").on("data", (text: string) => (complaint += text));
    this.#holders.set(place, { process: holder, end: ended(holder) });
    const own = await readlink("/proc/self/ns/net");
    await eventually(async () => {
      if (holder.exitCode !== null) throw new Error(complaint.trim());
      if ((await readlink(`/proc/${holder.pid}/ns/net`)) === own) throw new Error("not there yet");
    }, 5_000);
    await this.#do(place, "ip", "link", "set", "lo", "up");
  }

  async #connect(a: Place, b: Place, ofA: readonly string[], ofB: readonly string[]): Promise<void> {
    const [there, here] = [`to-${b}`, `to-${a}`];
    await this.#do(a, "ip", "link", "add", there, "type", "veth", "peer", "name", here, "netns", String(this.#pid(b)));
    for (const [place, device, addresses] of [
      [a, there, ofA],
      [b, here, ofB],
    ] as const) {
      const added = addresses.map(
        (address) => `addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`,
      );
      await this.ip(place, ...added, `link set ${device} up`);
    }
  }

  async #do(place: Place, ...command: string[]): Promise<void> {
    const [program = "", ...args] = [...this.under(place), ...command];
    const { code, output } = await run(program, args);
    if (code !== 0) throw new Error(`${command.join(" ")}: ${output.trim()}`);
  }
}

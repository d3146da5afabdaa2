/** What the operating system knows about us. */
import { userInfo } from "node:os";
import { cpuUsage, getuid, threadCpuUsage } from "node:process";
import type { ProcessorMeter } from "../../flows/ports.ts";

/** The name of the user that runs this process; `uid 1000` where the system has no name for it, as in many containers. */
export function systemUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${getuid?.() ?? "unknown"}`;
  }
}

/** Processor time of this process. To be asked on the main thread. */
export const processorMeter: ProcessorMeter = {
  mainMicros() {
    const { user, system } = threadCpuUsage();
    return user + system;
  },
  totalMicros() {
    const { user, system } = cpuUsage();
    return user + system;
  },
};

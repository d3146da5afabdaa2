/** What the operating system knows about us. */
import { totalmem, userInfo } from "node:os";
import { constrainedMemory, cpuUsage, getuid, threadCpuUsage } from "node:process";
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

/** Memory that this process may use, in octets: the machine's, or what its control group allows. */
export function memoryOctets(): number {
  const constrained = constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

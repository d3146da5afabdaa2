import type { Operations, QueueSummary, ServerStatus } from "./operations.ts";

/** What programs that watch the relay read: numbers of now. */
export interface Measures {
  readonly status: ServerStatus;
  readonly queue: QueueSummary;
  readonly policyVersion: number;
  readonly sessions: number;
}

export async function measure({ server, queue, policy }: Operations): Promise<Measures> {
  const sessions = server.sessions().length;
  return { status: server.status(), queue: await queue.summary(), policyVersion: policy.version(), sessions };
}

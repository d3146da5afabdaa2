import { formatQueueId, type QueueId } from "../../core/queue/message.ts";
import type { MessageTable } from "./message-table.ts";
import { keepAside, scanSegment, segmentsOf } from "./segment-log.ts";
import { Unindexed } from "./unindexed.ts";

/** What the log has that the tables do not. */
export interface Recovered {
  readonly unindexed: Unindexed;
  /** No id above it was ever kept. */
  readonly highest: number;
}

/** Reads the log from where the tables end: what was handed in last before the end, however that came. */
export function recover(directory: string, messages: MessageTable, report: (text: string) => void): Recovered {
  const unindexed = new Unindexed();
  let highest = messages.highestQueueId;
  for (const segment of segmentsOf(directory)) {
    const { indexed } = messages;
    if (segment < indexed.segment) continue;
    const scan = scanSegment(directory, segment, segment === indexed.segment ? indexed.at : 0);
    if (!scan) {
      keepAside(directory, segment);
      report(`segment ${segment} of the log cannot be read and is kept as it is`);
      continue;
    }
    if (!scan.isWhole) keepAside(directory, segment);
    for (const { from, to } of scan.damage) {
      report(`segment ${segment} of the log is damaged: octets ${from} to ${to - 1} cannot be read`);
    }
    for (const { at, record } of scan.records) {
      if (record.kind === "put") {
        highest = Math.max(highest, record.id);
        if (unindexed.get(record.id) || messages.has(record.id)) {
          report(`the log has message ${formatQueueId(record.id as QueueId)} twice`);
          continue;
        }
      }
      unindexed.apply(record, { segment, at });
    }
  }
  return { unindexed, highest };
}

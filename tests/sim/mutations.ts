/** Faults that are built into the surroundings of the flows on purpose: a simulation that does not find them proves nothing. */
export type Mutation =
  | "spool answers before the commit"
  | "policy log answers before the commit"
  | "outcome is written before the next hop's 250"
  | "a report is forgotten"
  | "a timer is lost"
  | "hold is ignored"
  | "content is cut"
  | "outcome is not written"
  | "everything is relayed"
  | "a pace is off by one";

export const MUTATIONS: readonly Mutation[] = [
  "spool answers before the commit",
  "policy log answers before the commit",
  "outcome is written before the next hop's 250",
  "a report is forgotten",
  "a timer is lost",
  "hold is ignored",
  "content is cut",
  "outcome is not written",
  "everything is relayed",
  "a pace is off by one",
];

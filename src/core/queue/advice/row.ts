/** What a refusal means and what is to be done. All of it is text of this house: nothing that a server said stands in it. */
export interface Advice {
  /** A stable name for programs: `microsoft-basic-auth`. */
  readonly topic: string;
  /** Whose refusal it is: `Microsoft 365`. */
  readonly provider: string;
  /** What is missing or wrong, one sentence. */
  readonly missing: string;
  /** What an operator does about it. */
  readonly remedy: string;
}

/** How a refusal is recognised. All that stands here must be there; the row that asks for most wins. */
export interface Signs {
  /** One of these enhanced status codes, anywhere in the reply: `5.7.139`, or the range `5.7.606-649`. */
  readonly status?: readonly string[];
  /** One of these reply codes in front. */
  readonly code?: readonly number[];
  /** Each of these, in small letters, anywhere in the reply. */
  readonly words?: readonly string[];
  /** One of these in the name of the server or anywhere in the reply: what a provider is known by. */
  readonly of?: readonly string[];
}

export interface AdviceRow {
  readonly advice: Advice;
  readonly signs: readonly Signs[];
}

/** Rows of one provider: topic, signs, what is missing, remedy. */
export function rowsOf(
  provider: string,
  rows: readonly (readonly [topic: string, signs: readonly Signs[], missing: string, remedy: string])[],
): readonly AdviceRow[] {
  return rows.map(([topic, signs, missing, remedy]) => ({ signs, advice: { topic, provider, missing, remedy } }));
}

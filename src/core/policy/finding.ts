import type { Entry } from "./policy.ts";

/** What `analyse` finds out about one entry. `other` is the entry it concerns besides. */
export type Finding =
  /** Every address or name it covers is covered by a wider entry of the same list: removing it changes no verdict. */
  | { readonly kind: "redundant"; readonly entry: Entry; readonly other: Entry }
  /** It can never decide: a *REJECT entry covers all of it. */
  | { readonly kind: "shadowed"; readonly entry: Entry; readonly other: Entry }
  /** *ACCEPT (or *NEAR network) and *REJECT overlap in part: the reject wins there. */
  | { readonly kind: "contradicts"; readonly entry: Entry; readonly other: Entry }
  /** The present ALWRLY does not ask its list; `because` says so, without a full stop. */
  | { readonly kind: "unreachable"; readonly entry: Entry; readonly because: string }
  | { readonly kind: "wide"; readonly entry: Entry; readonly addresses: bigint }
  | { readonly kind: "expired"; readonly entry: Entry };

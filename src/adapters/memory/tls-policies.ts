import type { StsPolicies, TlsResults } from "../../flows/ports.ts";

/** No domain has a policy. */
export const NO_STS_POLICIES: StsPolicies = { policyOf: () => Promise.resolve(null) };

/** Nobody counts. */
export const NO_TLS_RESULTS: TlsResults = { record: () => undefined };

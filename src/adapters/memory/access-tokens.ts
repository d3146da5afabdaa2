import { err } from "../../core/base/result.ts";
import type { AccessTokens } from "../../flows/ports.ts";

/** A house without OAuth accounts. */
export const NO_ACCESS_TOKENS: AccessTokens = {
  tokenFor: async (account) => err(`there is no OAuth account ${account}`),
  refused: () => {},
};

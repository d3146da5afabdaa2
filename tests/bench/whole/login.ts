/** The user that every measured relay knows, where AUTH is measured. */
export const LOGIN = { user: "bench", password: "of no value" } as const;

/** A JSON value (RFC 8259), as answers of commands and of the API carry it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

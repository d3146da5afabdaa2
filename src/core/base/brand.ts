declare const brand: unique symbol;

/** A `T` that came through its own door (a `parseX` function): the compiler keeps plain values out. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

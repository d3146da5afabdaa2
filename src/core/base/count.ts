/** `65,536`; from a million million on as a power of two: `2^96`, and `over 2^96` where it is none. */
export function formatCount(count: bigint | number): string {
  const exact = BigInt(count);
  const bits = exact.toString(2).length - 1;
  if (exact > 10n ** 12n) return exact === 1n << BigInt(bits) ? `2^${bits}` : `over 2^${bits}`;
  return exact.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 message`, `65,536 addresses`. */
export function counted(count: bigint | number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${BigInt(count) === 1n ? one : many}`;
}

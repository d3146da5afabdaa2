/** Lists of networks for the measurements: always the same, of mixed sizes, none of them in 127.0.0.0/8. */

/** `count` different networks in CIDR notation: half of them hosts, most others /24 to /31, one in twenty /16 to /23. */
export function makeNetworks(count: number): string[] {
  const random = seeded(20_050_920);
  const networks = new Set<string>();
  while (networks.size < count) {
    const choice = random();
    const prefix = choice < 0.5 ? 32 : choice < 0.95 ? 24 + Math.floor(random() * 8) : 16 + Math.floor(random() * 8);
    const address = Math.floor(random() * 0xffff_ffff);
    const first = address >>> 24;
    if (first === 0 || first === 127 || first >= 224) continue;
    const base = prefix === 32 ? address : (address & ~(0xffff_ffff >>> prefix)) >>> 0;
    networks.add(`${base >>> 24}.${(base >>> 16) & 255}.${(base >>> 8) & 255}.${base & 255}/${prefix}`);
  }
  return [...networks];
}

/** A linear congruential generator (Numerical Recipes): chance that is the same every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

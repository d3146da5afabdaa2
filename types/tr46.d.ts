declare module "tr46" {
  interface Options {
    checkBidi?: boolean;
    checkHyphens?: boolean;
    checkJoiners?: boolean;
    useSTD3ASCIIRules?: boolean;
    verifyDNSLength?: boolean;
    transitionalProcessing?: boolean;
  }
  /** UTS 46 ToASCII; null where the name is not valid. */
  function toASCII(domain: string, options?: Options): string | null;
  const tr46: { toASCII: typeof toASCII };
  export default tr46;
}

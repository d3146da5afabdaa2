// What every JavaScript platform has and the language's own library does not declare.
// The ground floor may use these; anything else of a platform comes in through a port.
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: "utf-8" | "latin1", options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(octets?: Uint8Array): string;
}

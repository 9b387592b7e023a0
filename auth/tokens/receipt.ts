import { type AuthMethod, decodeWith, encodeId, encodeMethods, encodeTime, PayloadError } from './packing.ts';

/** What says that a user has proved a part of what its rules ask for. It gives access to nothing. */
export interface ReceiptPayload {
  methods: readonly AuthMethod[];
  userId: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

/** Receipts and tokens are encrypted with the same keys: by this byte neither is taken for the other. */
const FORMAT = 0x52;

/** Packs a receipt: format, methods, user, two times. */
export function encodeReceipt({ methods, userId, issuedAtMs, expiresAtMs }: ReceiptPayload): Buffer {
  return Buffer.concat([
    Buffer.of(FORMAT, encodeMethods(methods)),
    encodeId(userId),
    encodeTime(issuedAtMs),
    encodeTime(expiresAtMs),
  ]);
}

/** The receipt, or undefined for other bytes, those of a token among them. */
export function decodeReceipt(bytes: Buffer): ReceiptPayload | undefined {
  return decodeWith(bytes, (reader) => {
    if (reader.byte() !== FORMAT) throw new PayloadError();
    return {
      methods: reader.methods(),
      userId: reader.id(),
      issuedAtMs: reader.timeMs(),
      expiresAtMs: reader.timeMs(),
    };
  });
}

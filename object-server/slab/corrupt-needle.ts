/** Bytes that are not the needle that their place promises. */
export class CorruptNeedleError extends Error {
  override readonly name = 'CorruptNeedleError';
}

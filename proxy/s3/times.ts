/**
 * A listing's time as S3 writes times, rounded up to whole seconds: what `Last-Modified` says of the same object.
 *
 * @param text `2026-11-21T00:29:58.823120`, UTC.
 */
export function isoTimeOfRow(text: string | undefined): string {
  const timeMs = Date.parse(`${(text ?? '').slice(0, 23)}Z`);
  const hasMicroseconds = /\.\d{3}0*[1-9]/.test(text ?? '');
  return Number.isNaN(timeMs) ? '' : isoTime(Math.ceil((timeMs + (hasMicroseconds ? 0.5 : 0)) / 1000) * 1000);
}

/** `Last-Modified` as S3's XML writes times. */
export function isoTimeOfHttp(text: string | undefined): string {
  const timeMs = Date.parse(text ?? '');
  return Number.isNaN(timeMs) ? '' : isoTime(timeMs);
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

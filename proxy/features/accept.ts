/**
 * The best of the types that a server offers, by an Accept header. One pass, no backtracking: CVE-2026-71190.
 *
 * @param offered in the server's order of preference; the first is the answer to an absent or empty header.
 * @returns undefined where none is acceptable; 'malformed' where the header cannot be read.
 * Spec: RFC 9110, 12.5.1.
 */
export function bestMatch(accept: string | undefined, offered: readonly string[]): string | 'malformed' | undefined {
  if (!accept?.trim()) return offered[0];
  const ranges: { type: string; subtype: string; quality: number }[] = [];
  for (const part of accept.split(',')) {
    const [media = '', ...parameters] = part.split(';').map((each) => each.trim());
    const slash = media.indexOf('/');
    const type = media.slice(0, slash).toLowerCase();
    const subtype = media.slice(slash + 1).toLowerCase();
    if (slash <= 0 || !isToken(type) || !isToken(subtype)) return 'malformed';
    const quality =
      parameters
        .find((parameter) => /^q\s*=/i.test(parameter))
        ?.split('=')[1]
        ?.trim() ?? '1';
    if (!/^\d{1,3}(\.\d{0,9})?$/.test(quality)) return 'malformed';
    ranges.push({ type, subtype, quality: Number(quality) });
  }
  const isExact = (range: { type: string; subtype: string }) => range.type !== '*' && range.subtype !== '*';
  ranges.sort((left, right) => right.quality - left.quality || Number(isExact(right)) - Number(isExact(left)));
  for (const { type, subtype, quality } of ranges) {
    if (quality === 0) continue;
    for (const offer of offered) {
      const [offeredType, offeredSubtype] = offer.split('/');
      if ((type === '*' || type === offeredType) && (subtype === '*' || subtype === offeredSubtype)) return offer;
    }
  }
  return undefined;
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(text);
}

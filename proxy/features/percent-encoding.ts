/**
 * Percent-encodes all but letters, digits, `-_.~` and what is said to be safe: where clients compare what they get with what Swift sends.
 *
 * Spec: RFC 3986, 2.3.
 */
export function percentEncode(text: string, safe: string): string {
  let encoded = '';
  for (const character of text) encoded += safe.includes(character) ? character : encodeStrictly(character);
  return encoded;
}

function encodeStrictly(character: string): string {
  const encoded = encodeURIComponent(character);
  return /^[!'()*]$/.test(encoded) ? `%${encoded.charCodeAt(0).toString(16).toUpperCase()}` : encoded;
}

/** Bytes of text in one word: with what frames it, at most 75 characters. */
const MOST_WORD_BYTES = 45;

/**
 * A value of user metadata as this API's clients read it: headers are ASCII to them, so other text goes as encoded words, one after another.
 *
 * Spec: RFC 2047, 2 and 5 (3); Amazon S3, "Working with object metadata": user-defined metadata.
 */
export function asEncodedWords(text: string): string {
  if (/^[\x20-\x7e\t]*$/.test(text)) return text;
  const words: string[] = [''];
  for (const character of text) {
    const longer = (words.at(-1) ?? '') + character;
    if (Buffer.byteLength(longer) > MOST_WORD_BYTES) words.push(character);
    else words[words.length - 1] = longer;
  }
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join(' ');
}

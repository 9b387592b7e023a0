const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text for an XML attribute, or element. What XML 1.0 cannot carry at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return escapeXmlText(text).replaceAll('"', '&quot;');
}

/** Text for an XML element, letter by letter as Swift has it: quotes stay. */
export function escapeXmlText(text: string): string {
  return (
    text
      .replace(/[&<>]/g, (character) => ESCAPES[character] ?? character)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that XML 1.0 forbids.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  );
}

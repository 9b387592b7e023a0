import { escapeXml } from '../../features/xml.ts';
import { contentOf, type Headers, type ProxyResponse } from '../../message.ts';

export const XML_TYPE = 'application/xml';
export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** An element whose text is still to be escaped, or whose children are elements already. */
export function element(name: string, content: string | number | readonly string[] = ''): string {
  const inner = typeof content === 'object' ? content.join('') : escapeXml(String(content)).replaceAll('\r', '&#13;');
  return `<${name}>${inner}</${name}>`;
}

/** The same, nothing where there is no text. */
export function elementIf(name: string, content: string | number | undefined): string {
  return content === undefined ? '' : element(name, content);
}

/** An answer that is one document in S3's namespace. */
export function xmlAnswer(root: string, children: readonly string[], headers: Headers = {}): ProxyResponse {
  const body = `${XML_HEAD}<${root} xmlns="${NAMESPACE}">${children.join('')}</${root}>`;
  return { status: 200, headers: { ...headers, 'content-type': XML_TYPE }, body: contentOf(body) };
}

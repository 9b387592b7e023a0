import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { RequestBody } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { MOST_XML_BYTES, MOST_XML_DEPTH } from '../limits.ts';
import { readBody } from '../payload/read-body.ts';

/** An element: its text, and its children by name without prefix. */
export interface XmlElement {
  readonly text: string;
  /** Of its children, each once. */
  readonly names: readonly string[];
  all(name: string): readonly XmlElement[];
  one(name: string): XmlElement | undefined;
  /** Text of the one child; undefined where there is none. */
  textOf(name: string): string | undefined;
}

/**
 * Reads a body that is one XML document. There are no entities but the five of XML itself and characters by number: a document type is
 * refused, so nothing can be expanded or fetched.
 *
 * @throws ApiError `MalformedXML` for what is none, is too deep or has another root; `MaxMessageLengthExceeded`.
 */
export async function readXml(body: RequestBody, root: string, mostBytes = MOST_XML_BYTES): Promise<XmlElement> {
  const found = await readXmlIfAny(body, root, mostBytes);
  if (!found) throw s3Error('MalformedXML');
  return found;
}

/** The same. @returns undefined for an empty body. */
export async function readXmlIfAny(
  body: RequestBody,
  root: string,
  mostBytes = MOST_XML_BYTES,
): Promise<XmlElement | undefined> {
  const bytes = await readBody(body, mostBytes);
  return bytes.length === 0 ? undefined : parseXml(bytes.toString('utf8'), root);
}

/** What fast-xml-parser gives for children in the order of the document: `{ name: children }` or `{ '#text': text }`. */
type Node = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  removeNSPrefix: true,
  processEntities: false,
  htmlEntities: false,
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

/** @throws ApiError `MalformedXML`. */
export function parseXml(text: string, root: string): XmlElement {
  if (/<!(DOCTYPE|ENTITY|ELEMENT)/i.test(text)) throw s3Error('MalformedXML');
  assertShallow(text);
  if (XMLValidator.validate(text) !== true) throw s3Error('MalformedXML');
  let nodes: Node[];
  try {
    nodes = parser.parse(text) as Node[];
  } catch (error) {
    throw s3Error('MalformedXML', { cause: error });
  }
  const found = elementOf(nodes).one(root);
  if (!found) throw s3Error('MalformedXML');
  return found;
}

/** Before anything recurses. @throws ApiError `MalformedXML`. */
function assertShallow(text: string): void {
  let depth = 0;
  for (const [tag] of text.matchAll(/<[/?!]?[^<>]*>/g)) {
    if (tag.startsWith('</')) depth -= 1;
    else if (!tag.startsWith('<?') && !tag.startsWith('<!') && !tag.endsWith('/>')) depth += 1;
    if (depth > MOST_XML_DEPTH) throw s3Error('MalformedXML');
  }
}

function elementOf(nodes: readonly Node[]): XmlElement {
  const children = new Map<string, XmlElement[]>();
  let text = '';
  for (const node of nodes) {
    for (const [name, content] of Object.entries(node)) {
      if (name === ':@') continue;
      if (name === '#text') {
        text += unescapeXml(String(content));
        continue;
      }
      const same = children.get(name);
      const child = elementOf(content as Node[]);
      if (same) same.push(child);
      else children.set(name, [child]);
    }
  }
  const all = (name: string): readonly XmlElement[] => children.get(name) ?? [];
  return { text, names: [...children.keys()], all, one: (name) => all(name)[0], textOf: (name) => all(name)[0]?.text };
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|[a-z]{1,8});/g, (whole, name: string) => {
    if (!name.startsWith('#')) return Object.hasOwn(ENTITIES, name) ? (ENTITIES[name] ?? whole) : whole;
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    if (code === 0 || code > 0x10ffff) throw s3Error('MalformedXML');
    return String.fromCodePoint(code);
  });
}

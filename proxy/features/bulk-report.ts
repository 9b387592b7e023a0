import { bestMatch } from './accept.ts';
import { escapeXmlText } from './xml.ts';

const OFFERED = ['text/plain', 'application/json', 'application/xml', 'text/xml'] as const;

/** What is reported: names and values, and what went wrong with which object. */
export interface BulkReport {
  fields: Readonly<Record<string, string | number>>;
  /** Percent-encoded name and status line. */
  errors: readonly (readonly [name: string, status: string])[];
}

/** Media type of a report by the request's Accept; undefined where none suits. */
export function reportType(accept: string | undefined): string | undefined {
  const best = bestMatch(accept, OFFERED);
  return best === 'malformed' ? undefined : best;
}

/**
 * The body of a bulk answer.
 *
 * @param root name of the XML's outermost element.
 * Spec: Swift, "Bulk Operations": Response.
 */
export function renderReport(contentType: string, report: BulkReport, root: 'delete' | 'upload' | 'extract'): string {
  if (contentType === 'application/json') return JSON.stringify({ ...report.fields, Errors: report.errors });
  const fields = Object.entries(report.fields).sort(([left], [right]) => (left < right ? -1 : 1));
  if (contentType.endsWith('/xml')) {
    const elements = fields.map(([name, value]) => {
      const tag = name.replaceAll(' ', '_').toLowerCase();
      return `<${tag}>${escapeXmlText(String(value))}</${tag}>\n`;
    });
    const errors = report.errors.map(
      ([name, status]) =>
        `<object><name>${escapeXmlText(name)}</name><status>${escapeXmlText(status)}</status></object>\n`,
    );
    return `<${root}>\n${elements.join('')}<errors>\n${errors.join('')}</errors>\n</${root}>\n`;
  }
  const lines = fields.map(([name, value]) => `${name}: ${value}\n`);
  return `${lines.join('')}Errors:\n${report.errors.map(([name, status]) => `${name}, ${status}\n`).join('')}`;
}

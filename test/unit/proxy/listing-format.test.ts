import { describe, expect, it } from 'vitest';
import { chunkOfRows } from '../../../container-server/contract.ts';
import { listingFormat } from '../../../proxy/features/listing-format.ts';
import { type ProxyRequest, readWhole } from '../../../proxy/message.ts';

const row = (name: string) => JSON.stringify({ hash: 'a', last_modified: 'x', bytes: 1, name, content_type: 'b/c' });

/** Answers a listing in two chunks, in a format. */
async function listed(format: string, names: readonly string[] = ['a', 'b "é" \\ \u0001', 'c']) {
  let released = 0;
  const [first = '', ...others] = names.map(row);
  const handler = listingFormat(async () => ({
    status: 200,
    headers: {},
    rows: {
      chunks: [chunkOfRows([first, JSON.stringify({ subdir: 'dir "é"/' })]), chunkOfRows(others)],
      release: () => {
        released += 1;
      },
    },
  }));
  const request = { method: 'GET', path: { account: 'A', container: 'c' }, query: new Map([['format', format]]) };
  const { body } = await handler({ ...request, headers: {} } as unknown as ProxyRequest);
  return { body, released: () => released };
}

describe('a listing', () => {
  it('in JSON is the memory that the rows were read into, until it is sent', async () => {
    const { body, released } = await listed('json');
    const bytes = body && (await readWhole(body, 10_000));
    expect(bytes?.length).toBe(body?.sizeBytes);
    const rows = JSON.parse(bytes?.toString() ?? '') as { name?: string; subdir?: string }[];
    expect(rows.map(({ name, subdir }) => name ?? subdir)).toEqual(['a', 'dir "é"/', 'b "é" \\ \u0001', 'c']);
    expect(released()).toBe(0);
    await body?.close();
    expect(released()).toBe(1);
  });

  it('in text and XML has bytes of its own, and gives the memory back at once', async () => {
    const { body, released } = await listed('plain');
    expect(released()).toBe(1);
    expect(body && (await readWhole(body, 10_000))?.toString()).toBe('a\ndir "é"/\nb "é" \\ \u0001\nc\n');
    const xml = await listed('xml');
    expect(xml.released()).toBe(1);
    expect(xml.body && (await readWhole(xml.body, 10_000))?.toString()).toContain('<subdir name="dir &quot;é&quot;/">');
  });

  it('in JSON can be read in part', async () => {
    const { body } = await listed('json');
    const whole = body && (await readWhole(body, 10_000));
    const part: Buffer[] = [];
    for await (const bytes of body?.read(5, 120) ?? []) part.push(Buffer.from(bytes));
    expect(Buffer.concat(part)).toEqual(whole?.subarray(5, 120));
  });
});

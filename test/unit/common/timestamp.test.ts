import { describe, expect, it } from 'vitest';
import {
  httpDateOf,
  isoDateOf,
  parseTimestamp,
  TimestampSource,
  ticksOf,
  timestampFromTicks,
} from '../../../common/timestamp.ts';

describe('timestamps', () => {
  it('are brought into canonical form, or refused', () => {
    expect(parseTimestamp('1700000000.12345')).toBe('1700000000.12345');
    expect(parseTimestamp('5')).toBe('0000000005.00000');
    expect(parseTimestamp('1700000000.1')).toBe('1700000000.10000');
    for (const text of ['', '-1', 'now', '1e9', '17000000001.0', '1.2.3', ' 1'])
      expect(parseTimestamp(text), text).toBeUndefined();
  });

  it('go to ticks and back', () => {
    for (const text of ['0000000000.00000', '1700000000.00001', '9999999999.99999'])
      expect(timestampFromTicks(ticksOf(text))).toBe(text);
  });

  it('round Last-Modified up to a second', () => {
    expect(httpDateOf('1700000000.00000')).toBe('Tue, 14 Nov 2023 22:13:20 GMT');
    expect(httpDateOf('1700000000.00001')).toBe('Tue, 14 Nov 2023 22:13:21 GMT');
  });

  it('show microseconds without a zone in listings', () => {
    expect(isoDateOf('1700000000.12345')).toBe('2023-11-14T22:13:20.123450');
  });

  it('never repeat and never go back, whatever the clock does', () => {
    let nowMs = 1_700_000_000_000;
    const source = new TimestampSource({ nowMs: () => nowMs });
    const first = source.next();
    expect(source.next() > first).toBe(true);
    nowMs -= 60_000;
    const third = source.next();
    expect(third > first).toBe(true);
    source.advancePast('1800000000.00000');
    expect(source.next()).toBe('1800000000.00001');
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

const EXCEEDED = [413, 'Upload exceeds quota.'];

describe.each([false, true])('quotas (remembered: %s)', (straight) => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start({ straight });
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    await swift.put('/c');
    await swift.put('/c/o', '12345');
  });

  afterEach(() => swift.stop());

  const put = async (path: string, body: string, token = 'member', headers: Record<string, string> = {}) => {
    const answer = await swift.request('PUT', path, { body, token, headers });
    return [answer.status, await answer.text()];
  };
  const setContainer = (headers: Record<string, string>) => swift.request('POST', '/c', { headers });
  const setAccount = (value: string, token = 'reseller') =>
    swift.request('POST', '', { token, headers: { 'x-account-meta-quota-bytes': value } });

  it('a container holds no more bytes than its owner says', async () => {
    await setContainer({ 'x-container-meta-quota-bytes': '10' });
    expect(await put('/c/p', '123456')).toEqual(EXCEEDED);
    expect(await put('/c/p', '12345')).toEqual([201, '']);
    expect(await put('/c/o', '1')).toEqual(EXCEEDED);
    expect(await put('/c/empty', '')).toEqual([201, '']);
    await setContainer({ 'x-remove-container-meta-quota-bytes': 'x' });
    expect(await put('/c/q', '123456')).toEqual([201, '']);
  });

  it('a container holds no more objects than its owner says', async () => {
    await setContainer({ 'x-container-meta-quota-count': '2' });
    expect(await put('/c/p', 'x')).toEqual([201, '']);
    expect(await put('/c/q', 'x')).toEqual(EXCEEDED);
    expect((await swift.request('DELETE', '/c/p')).status).toBe(204);
    expect(await put('/c/q', 'x')).toEqual([201, '']);
  });

  it('a copy is measured by its source, and one of unknown length counts as empty', async () => {
    await setContainer({ 'x-container-meta-quota-bytes': '7' });
    expect((await swift.request('COPY', '/c/o', { headers: { destination: 'c/p' } })).status).toBe(413);
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('123456'));
        controller.close();
      },
    });
    expect((await swift.request('PUT', '/c/p', { body, duplex: 'half' })).status).toBe(201);
  });

  it('a quota is a number', async () => {
    for (const method of ['PUT', 'POST']) {
      const refused = async (header: string) => {
        const answer = await swift.request(method, '/c', { headers: { [header]: 'ten' } });
        return [answer.status, await answer.text()];
      };
      expect(await refused('x-container-meta-quota-bytes')).toEqual([400, 'Invalid bytes quota.']);
      expect(await refused('x-container-meta-quota-count')).toEqual([400, 'Invalid count quota.']);
    }
  });

  it('who may not write learns nothing of a quota', async () => {
    await setContainer({ 'x-container-meta-quota-bytes': '1', 'x-container-write': 'p3:u5' });
    await setAccount('1');
    swift.identities.set('guest', identity('p3', 'u5', ['guest']));
    expect(await put('/c/p', 'x', 'guest')).toEqual(EXCEEDED);
    expect((await put('/c/p', 'x', 'stranger'))[0]).toBe(403);
    expect((await put('/c/p', 'x', ''))[0]).toBe(401);
  });

  it("an account's quota is set by a reseller admin only, and bounds everybody else", async () => {
    for (const token of ['member', 'reader']) expect((await setAccount('5', token)).status).toBe(403);
    expect((await setAccount('', 'member')).status).toBe(403);
    const remove = { headers: { 'x-remove-account-meta-quota-bytes': 'x' } };
    expect((await swift.request('POST', '', remove)).status).toBe(403);
    expect((await setAccount('five')).status).toBe(400);
    expect((await setAccount('10')).status).toBe(204);
    expect((await swift.request('HEAD', '')).headers.get('x-account-meta-quota-bytes')).toBe('10');
    expect(await put('/c/p', '123456')).toEqual(EXCEEDED);
    expect(await put('/c/p', '123456', 'reseller')).toEqual([201, '']);
    expect(await put('/c/q', 'x')).toEqual(EXCEEDED);
    expect((await put('/absent/q', 'x', 'member'))[0]).toBe(413);
    expect((await swift.request('POST', '', { ...remove, token: 'reseller' })).status).toBe(204);
    expect(await put('/c/q', 'x')).toEqual([201, '']);
  });

  it('other metadata of an account is its owner’s as before', async () => {
    const answer = await swift.request('POST', '', { headers: { 'x-account-meta-color': 'blue' } });
    expect(answer.status).toBe(204);
  });
});

describe('quotas and the straight way', () => {
  it('a plain upload goes the straight way until a quota is set', async () => {
    const swift = await FakeSwift.start({ straight: true });
    try {
      swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
      const wholePuts = () => [...swift.objects.values()].reduce((sum, store) => sum + store.wholePuts, 0);
      await swift.put('/c');
      await swift.put('/c/o', 'x');
      await swift.put('/c/o', 'x');
      const before = wholePuts();
      await swift.put('/c/o', 'x');
      expect(wholePuts()).toBeGreaterThan(before);
      const headers = { 'x-account-meta-quota-bytes': '100' };
      await swift.request('POST', '', { token: 'reseller', headers });
      const after = wholePuts();
      expect((await swift.put('/c/o', 'x')).status).toBe(201);
      expect(wholePuts()).toBe(after);
    } finally {
      await swift.stop();
    }
  });
});

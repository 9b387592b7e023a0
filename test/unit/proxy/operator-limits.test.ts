import { afterEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const NAME_CHECK = {
  enabled: true,
  forbidden_chars: `'"\`<>`,
  maximum_length: 40,
  forbidden_regexp: '/\\.hidden|~$',
};

describe('what the operator refuses', () => {
  let swift: FakeSwift;

  afterEach(() => swift.stop());

  const answerOf = async (method: string, path: string) => {
    const answer = await swift.request(method, path, method === 'PUT' ? { body: 'x' } : {});
    return [answer.status, await answer.text()];
  };

  it('names with certain characters, too long ones and certain patterns', async () => {
    swift = await FakeSwift.start({ straight: true, config: { name_check: NAME_CHECK } });
    await swift.put('/c');
    const refused = 'Object/Container/Account name';
    for (const method of ['PUT', 'GET']) {
      expect(await answerOf(method, '/c/a%3Cb')).toEqual([
        400,
        `${refused} contains forbidden chars from ${NAME_CHECK.forbidden_chars}`,
      ]);
      expect(await answerOf(method, `/c/${'%C3%BC'.repeat(14)}`)).toEqual([
        400,
        `${refused} longer than the allowed maximum 40`,
      ]);
      expect(await answerOf(method, '/c/a/.hidden/b')).toEqual([
        400,
        `${refused} contains a forbidden substring from regular expression ${NAME_CHECK.forbidden_regexp}`,
      ]);
    }
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await answerOf('PUT', `/c/${'x'.repeat(25)}`)).toEqual([201, '']);
      expect((await answerOf('PUT', '/c/%3E'))[0]).toBe(400);
    }
    const info = (await (await fetch(`${swift.url}/info`)).json()) as Record<string, object>;
    expect(info['name_check']).toEqual({
      forbidden_chars: NAME_CHECK.forbidden_chars,
      maximum_length: 40,
      forbidden_regexp: NAME_CHECK.forbidden_regexp,
    });
  });

  it('a pattern may match nothing, and must be one', async () => {
    swift = await FakeSwift.start({ config: { name_check: { ...NAME_CHECK, forbidden_regexp: '(?!)' } } });
    await swift.put('/c');
    expect(await answerOf('PUT', '/c/a/.hidden/b')).toEqual([201, '']);
    const broken = FakeSwift.start({ config: { name_check: { ...NAME_CHECK, forbidden_regexp: '(' } } });
    await expect(broken).rejects.toThrow('forbidden_regexp is no regular expression');
  });

  it.each([false, true])('writes, and deletes unless they are allowed (%s)', async (allowDeletes) => {
    swift = await FakeSwift.start({
      straight: true,
      config: { read_only: { enabled: true, allow_deletes: allowDeletes } },
    });
    const disabled = [405, 'Writes are disabled for this account.'];
    for (const method of ['PUT', 'POST', 'COPY']) expect(await answerOf(method, '/c/o')).toEqual(disabled);
    expect(await answerOf('PUT', '/c')).toEqual(disabled);
    const deleted = await answerOf('DELETE', '/c/o');
    if (allowDeletes) expect(deleted[0]).toBe(404);
    else expect(deleted).toEqual(disabled);
    expect((await answerOf('GET', ''))[0]).toBe(204);
    expect(((await (await fetch(`${swift.url}/info`)).json()) as Record<string, object>)['read_only']).toEqual({});
  });
});

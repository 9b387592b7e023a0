import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AuditLog } from '../../../auth/audit/audit-log.ts';
import { createLogger } from '../../../common/log.ts';
import { PASSWORDS, passwordIdentity, TestCloud } from '../../support/auth/test-cloud.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-audit-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('the audit log of identity', () => {
  it('tells of every login and change who, what, from where and how it went, and holds no secret', async () => {
    const cloud = await TestCloud.start();
    cleanups.push(() => rm(cloud.folder, { recursive: true, force: true }));
    const admin = await cloud.adminToken();
    await cloud.logIn(passwordIdentity('demo', 'very-wrong'));
    const user = { name: 'anna', password: 'hidden-password' };
    const { id } = (await cloud.call('POST', '/v3/users', admin, { user })).body.user;
    await cloud.call('DELETE', `/v3/users/${id}?token=hidden-query`, admin);
    await cloud.call('GET', '/v3/users', admin);
    await cloud.call('DELETE', '/v3/users/x');
    await cloud.service.app.close();
    await cloud.service.stop();
    await cloud.store.close();
    const path = join(cloud.folder, 'audit', 'identity.log');
    const text = await readFile(path, 'utf8');
    for (const secret of [PASSWORDS.admin, 'very-wrong', 'hidden', admin]) expect(text).not.toContain(secret);
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'authenticate success',
      'authenticate failure',
      'create success',
      'delete success',
      'delete failure',
    ]);
    expect(events[1]).toMatchObject({
      initiator: { id: 'unknown', name: 'demo', host: { address: '127.0.0.1' } },
      reason: { reasonCode: '401' },
    });
    expect(events[3]).toMatchObject({
      typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
      initiator: { name: 'admin', project_id: cloud.projectIds.admin },
      target: { typeURI: 'data/security/users', id },
      requestPath: `/v3/users/${id}`,
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is put aside when it has grown, and four old ones are kept', async () => {
    const folder = await newFolder();
    const log = new AuditLog(join(folder, 'x.log'), 10, createLogger('silent'));
    await log.open();
    for (let index = 0; index < 8; index += 1) {
      log.append(`a line of more than ten bytes: ${index}`);
      await log.close();
      await log.open();
    }
    await log.close();
    expect((await readdir(folder)).sort()).toEqual(['x.log', 'x.log.1', 'x.log.2', 'x.log.3', 'x.log.4']);
    expect(await readFile(join(folder, 'x.log'), 'utf8')).toContain(': 7');
    expect(await readFile(join(folder, 'x.log.1'), 'utf8')).toContain(': 6');
  });

  it('keeps the order of what comes at once', async () => {
    const folder = await newFolder();
    const log = new AuditLog(join(folder, 'x.log'), 1 << 20, createLogger('silent'));
    await log.open();
    for (let index = 0; index < 1000; index += 1) log.append(String(index));
    await log.close();
    expect((await readFile(join(folder, 'x.log'), 'utf8')).trim().split('\n').map(Number)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
  });

  it('has the line when the request it is about is answered', async () => {
    const cloud = await TestCloud.start();
    cleanups.push(() => cloud.stop());
    const path = join(cloud.folder, 'audit', 'identity.log');
    const admin = await cloud.adminToken();
    expect(await readFile(path, 'utf8')).toContain('"action":"authenticate"');
    const { headers } = await cloud.call('POST', '/v3/regions', admin, { region: { id: 'north' } });
    expect(await readFile(path, 'utf8')).toContain(String(headers['x-openstack-request-id']));
  });

  it('goes on behind the last whole line when a crash has cut one off', async () => {
    const path = join(await newFolder(), 'x.log');
    for (const rest of ['{"cut', 'x'.repeat(100_000)]) {
      await writeFile(path, 'one\ntwo\n');
      await appendFile(path, rest);
      const log = new AuditLog(path, 1 << 20, createLogger('silent'));
      await log.open();
      await log.append('three');
      await log.close();
      expect(await readFile(path, 'utf8')).toBe('one\ntwo\nthree\n');
    }
    await writeFile(path, 'cut');
    const log = new AuditLog(path, 1 << 20, createLogger('silent'));
    await log.open();
    await log.close();
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('holds nobody up who asks while it is closed', async () => {
    const log = new AuditLog(join(await newFolder(), 'x.log'), 1 << 20, createLogger('silent'));
    await log.append('lost', { durable: true });
    await log.open();
    await log.append('there', { durable: true });
    await log.close();
  });

  it('that cannot be written stops the start', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    const log = new AuditLog(join(file, 'x.log'), 10, createLogger('silent'));
    await expect(log.open()).rejects.toThrow('audit log');
  });

  it('is not there where it is not wanted', async () => {
    const cloud = await TestCloud.start({ config: { audit_log: false } });
    await cloud.adminToken();
    expect(await readdir(cloud.folder)).not.toContain('audit');
    await cloud.stop();
  });
});

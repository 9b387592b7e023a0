import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Martlet } from './martlet.ts';

/** The demo user's account and a token, by the password that the data folder keeps. */
export async function signIn(martlet: Martlet): Promise<{ url: string; token: string }> {
  const openrc = await readFile(join(martlet.data, 'openrc'), 'utf8');
  const password = /^export OS_PASSWORD='(.*)'/m.exec(openrc)?.[1] ?? '';
  const headers = { 'X-Auth-User': 'demo:demo', 'X-Auth-Key': password };
  const response = await fetch(martlet.url(8080, '/auth/v1.0'), { headers });
  const url = response.headers.get('x-storage-url');
  const token = response.headers.get('x-auth-token');
  if (!url || !token) throw new Error(`no token: ${response.status} ${await response.text()}`);
  return { url, token };
}

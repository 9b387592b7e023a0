import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { LIFECYCLE, ruleXml, storedRules, textOfConfiguration } from '../lifecycle/rules.ts';
import type { Operation } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { readXml } from '../xml/read.ts';
import { xmlAnswer } from '../xml/write.ts';

export const getLifecycle: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const rules = storedRules(headers[LIFECYCLE]);
  if (rules.length === 0) throw s3Error('NoSuchLifecycleConfiguration');
  return xmlAnswer('LifecycleConfiguration', rules.map(ruleXml));
};

/** Noted first: a crash in between leaves a note of nothing, and never rules that nobody applies. */
export const putLifecycle: Operation = async (request, services) => {
  const container = bucketOf(request);
  const text = textOfConfiguration(await readXml(request.body, 'LifecycleConfiguration'));
  await askHead(request, services, { method: 'HEAD', container });
  await services.noteLifecycle(request.account, container);
  await askHead(request, services, { method: 'POST', container, headers: { [LIFECYCLE]: text } });
  return { status: 200, headers: {}, body: contentOf('') };
};

export const deleteLifecycle: Operation = async (request, services) => {
  await askHead(request, services, { method: 'POST', container: bucketOf(request), headers: { [LIFECYCLE]: '' } });
  return { status: 204, headers: {} };
};

import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { ProxyConfig } from '../config.ts';
import { refusal } from '../errors.ts';
import type { Feature, ResourcePath } from '../message.ts';
import type { Services } from '../routes/route.ts';

/**
 * Refuses names that the operator does not want, of accounts, containers and objects together: as they stand in the path.
 *
 * @throws StartError for a pattern that is none.
 * Spec: Swift, "Name Check (Forbidden Character Filter)".
 */
export function nameCheck({ config }: Services): Feature {
  const fault = nameFaults(config.name_check);
  if (!fault) return (next) => next;
  return (next) => async (request) => {
    const text = fault(request.path);
    if (text !== undefined) throw refusal(400, { body: `Object/Container/Account name ${text}` });
    return next(request);
  };
}

/**
 * What is wrong with a name; undefined where nothing is, or names are not checked.
 *
 * @throws StartError for a pattern that is none.
 */
export function nameFaults(
  config: ProxyConfig['name_check'],
): ((path: ResourcePath) => string | undefined) | undefined {
  if (!config.enabled) return undefined;
  const { maximum_length: mostBytes, forbidden_regexp: pattern } = config;
  const characters = [...config.forbidden_chars];
  const forbidden = patternOf(pattern);
  return (path) => {
    const text = pathTextOf(path);
    if (characters.some((character) => text.includes(character)))
      return `contains forbidden chars from ${config.forbidden_chars}`;
    if (Buffer.byteLength(text) > mostBytes) return `longer than the allowed maximum ${mostBytes}`;
    if (forbidden.test(text)) return `contains a forbidden substring from regular expression ${pattern}`;
    return undefined;
  };
}

/** @throws StartError (exit code 78) for what is no regular expression. */
function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new StartError('configuration: proxy.name_check.forbidden_regexp is no regular expression', EX_CONFIG, error);
  }
}

function pathTextOf({ account, container, object }: ResourcePath): string {
  return ['', 'v1', account, container, object].filter((part) => part !== undefined).join('/');
}

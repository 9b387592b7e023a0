import { StartError } from '../../common/errors.ts';
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
  const {
    enabled,
    forbidden_chars: characters,
    maximum_length: mostBytes,
    forbidden_regexp: pattern,
  } = config.name_check;
  if (!enabled) return (next) => next;
  const forbidden = patternOf(pattern);
  return (next) => async (request) => {
    const text = pathTextOf(request.path);
    if ([...characters].some((character) => text.includes(character)))
      throw refusal(400, { body: `Object/Container/Account name contains forbidden chars from ${characters}` });
    if (Buffer.byteLength(text) > mostBytes)
      throw refusal(400, { body: `Object/Container/Account name longer than the allowed maximum ${mostBytes}` });
    if (forbidden.test(text))
      throw refusal(400, {
        body: `Object/Container/Account name contains a forbidden substring from regular expression ${pattern}`,
      });
    return next(request);
  };
}

/** @throws StartError (exit code 78) for what is no regular expression. */
function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new StartError('configuration: proxy.name_check.forbidden_regexp is no regular expression', 78, error);
  }
}

function pathTextOf({ account, container, object }: ResourcePath): string {
  return ['', 'v1', account, container, object].filter((part) => part !== undefined).join('/');
}

import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { DOMAIN_OPTIONS, SECRET_DOMAIN_OPTIONS } from '../domain-config-options.ts';
import { badRequest, notFound, refused } from '../errors.ts';
import type { Identity } from '../guard/contract.ts';
import { parseBody } from '../parse.ts';
import { configGroup } from '../schemas-catalog.ts';
import type { DomainConfigRecord } from '../store/records.ts';

type Groups = DomainConfigRecord['groups'];
type Option = string | number | boolean | null;

/** All of a configuration, one group of it, or one option. */
export interface ConfigPath {
  group?: string;
  option?: string;
}

/**
 * Sets the configuration of a domain: all of it anew, or, to merge, what the body holds.
 *
 * @throws ApiError 400 for groups and options that there are not, 403 for those that the path does not name, 404.
 */
export function setDomainConfig(
  context: AuthContext,
  identity: Identity,
  domainId: string,
  { config, path, merge }: { config: Record<string, unknown>; path: ConfigPath; merge: boolean },
): Promise<{ groups: Groups; isNew: boolean }> {
  return withRetries(async () => {
    const { tables, store, policy } = context;
    policy.authorize(merge ? 'identity:update_domain_config' : 'identity:create_domain_config', identity);
    const domain = await domainOf(context, domainId);
    const given = parseGroups(config, path);
    const stored = await tables.domainConfigs.get(domainId);
    if (merge && !stored) throw notFound('domain configuration', domainId);
    if (merge) assertThere(stored?.record.groups ?? {}, path, domainId);
    const groups = merge ? merged(stored?.record.groups ?? {}, given) : given;
    const record: DomainConfigRecord = { id: domainId, groups };
    const change = stored ? tables.domainConfigs.replace(stored, record) : tables.domainConfigs.insert(record);
    await commitChanges(store, change, tables.projects.unchanged(domain));
    return { groups: shown(groups), isNew: !stored };
  });
}

/** @throws ApiError 403, 404. */
export async function getDomainConfig(
  context: AuthContext,
  identity: Identity,
  domainId: string,
  path: ConfigPath,
): Promise<Record<string, unknown>> {
  context.policy.authorize('identity:get_domain_config', identity);
  await domainOf(context, domainId);
  const stored = await context.tables.domainConfigs.get(domainId);
  if (!stored) throw notFound('domain configuration', domainId);
  return partOf(shown(stored.record.groups), path, domainId);
}

/** @throws ApiError 403, 404. */
export function defaultDomainConfig(
  { policy }: AuthContext,
  identity: Identity,
  path: ConfigPath,
): Record<string, unknown> {
  policy.authorize('identity:get_domain_config_default', identity);
  return partOf(DOMAIN_OPTIONS, path, 'default');
}

/** @throws ApiError 403, 404. */
export function deleteDomainConfig(
  context: AuthContext,
  identity: Identity,
  domainId: string,
  path: ConfigPath,
): Promise<void> {
  return withRetries(async () => {
    const { tables, store, policy } = context;
    policy.authorize('identity:delete_domain_config', identity);
    await domainOf(context, domainId);
    const stored = await tables.domainConfigs.get(domainId);
    if (!stored) throw notFound('domain configuration', domainId);
    assertThere(stored.record.groups, path, domainId);
    const groups = without(stored.record.groups, path);
    const isEmpty = Object.keys(groups).length === 0;
    await commitChanges(
      store,
      isEmpty ? tables.domainConfigs.remove(stored) : tables.domainConfigs.replace(stored, { id: domainId, groups }),
    );
  });
}

async function domainOf({ tables }: AuthContext, id: string) {
  const found = await tables.projects.get(id);
  if (!found?.record.isDomain) throw notFound('domain', id);
  return found;
}

function parseGroups(config: Record<string, unknown>, { group, option }: ConfigPath): Groups {
  // The body of one option holds it without its group.
  const wrapped = group !== undefined && option !== undefined && !(group in config) ? { [group]: config } : config;
  const groups = Object.entries(wrapped).map(([name, options]): [string, Record<string, Option>] => {
    const known = Object.hasOwn(DOMAIN_OPTIONS, name) ? DOMAIN_OPTIONS[name] : undefined;
    if (!known) throw refused(`Group ${name.slice(0, 64)} is not supported for domain specific configurations.`);
    if (group !== undefined && name !== group) throw refused(`The request is for group ${group}, not ${name}.`);
    const parsed = parseBody(configGroup, options);
    for (const key of Object.keys(parsed)) {
      if (!Object.hasOwn(known, key) && !SECRET_DOMAIN_OPTIONS[name]?.includes(key))
        throw refused(
          `Option ${key.slice(0, 64)} in group ${name} is not supported for domain specific configurations.`,
        );
      if (option !== undefined && key !== option) throw refused(`The request is for option ${option}, not ${key}.`);
    }
    return [name, parsed];
  });
  if (groups.length === 0) throw badRequest('The configuration is empty.');
  return Object.fromEntries(groups);
}

function merged(before: Groups, changes: Groups): Groups {
  const groups = Object.entries(changes).map(([name, options]) => [name, { ...before[name], ...options }]);
  return { ...before, ...Object.fromEntries(groups) };
}

function without(groups: Groups, { group, option }: ConfigPath): Groups {
  if (group === undefined) return {};
  const { [group]: options, ...others } = groups;
  if (option === undefined) return others;
  const left = Object.fromEntries(Object.entries(options ?? {}).filter(([name]) => name !== option));
  return Object.keys(left).length === 0 ? others : { ...others, [group]: left };
}

function shown(groups: Groups): Groups {
  return Object.fromEntries(
    Object.entries(groups).map(([name, options]) => [
      name,
      Object.fromEntries(Object.entries(options).filter(([key]) => !SECRET_DOMAIN_OPTIONS[name]?.includes(key))),
    ]),
  );
}

/** A group with its name around it; an option by itself. */
function partOf(groups: Groups, path: ConfigPath, domainId: string): Record<string, unknown> {
  const { group, option } = path;
  if (group === undefined) return groups;
  assertThere(groups, path, domainId);
  const options = groups[group] ?? {};
  return option === undefined ? { [group]: options } : { [option]: options[option] };
}

function assertThere(groups: Groups, { group, option }: ConfigPath, domainId: string): void {
  if (group === undefined) return;
  const options = Object.hasOwn(groups, group) ? groups[group] : undefined;
  if (!options || (option !== undefined && !Object.hasOwn(options, option)))
    throw notFound('domain configuration', `${[group, option].filter(Boolean).join('.')} of ${domainId}`);
}

import { GIB } from '../limits.ts';
import { capabilitiesOf, type PoolRequest, type PoolState } from './pools.ts';

/** Whether a pool can take a volume. Spec: Cinder, "Scheduler filters". */
export type PoolFilter = (pool: PoolState, request: PoolRequest) => boolean;

export const availabilityZoneFilter: PoolFilter = (pool, { availabilityZone }) =>
  availabilityZone === undefined || pool.availabilityZone === availabilityZone;

/** Room for the whole volume: a thick pool by its free bytes, a thin one by what it may promise, and by its free bytes too. */
export const capacityFilter: PoolFilter = (pool, { sizeGib }) => {
  const usableBytes = pool.freeBytes - (pool.totalBytes * pool.reservedPercentage) / 100;
  if (!pool.thin) return usableBytes >= sizeGib * GIB;
  const promisedBytes = (pool.allocatedGib + sizeGib) * GIB;
  return usableBytes > 0 && promisedBytes <= pool.totalBytes * pool.maxOverSubscriptionRatio;
};

/** Every extra spec that speaks of capabilities is met. */
export const capabilitiesFilter: PoolFilter = (pool, { extraSpecs }) => {
  const capabilities = capabilitiesOf(pool);
  return Object.entries(extraSpecs).every(([key, wanted]) => {
    const name = capabilityName(key);
    return name === undefined || matchesSpec(capabilities[name], wanted);
  });
};

/** `a:b` is scoped: of the scopes only `capabilities` concerns the scheduler. */
function capabilityName(key: string): string | undefined {
  const [scope, ...rest] = key.split(':');
  if (rest.length === 0) return key;
  return scope === 'capabilities' ? rest.join(':') : undefined;
}

type Operator = (actual: string, operand: string) => boolean;

const OPERATORS: Readonly<Record<string, Operator>> = {
  '=': (actual, operand) => Number(actual) >= Number(operand),
  '==': (actual, operand) => Number(actual) === Number(operand),
  '!=': (actual, operand) => Number(actual) !== Number(operand),
  '>=': (actual, operand) => Number(actual) >= Number(operand),
  '<=': (actual, operand) => Number(actual) <= Number(operand),
  's==': (actual, operand) => actual === operand,
  's!=': (actual, operand) => actual !== operand,
  's>=': (actual, operand) => actual >= operand,
  's>': (actual, operand) => actual > operand,
  's<=': (actual, operand) => actual <= operand,
  's<': (actual, operand) => actual < operand,
  '<in>': (actual, operand) => actual.includes(operand),
  '<is>': (actual, operand) => truth(actual) === truth(operand),
};

/**
 * Whether a capability meets a spec: `<is> True`, `<in> text`, `<or> a <or> b`, `s== text`, `>= 5`, or the plain text.
 *
 * Spec: Cinder, "extra_specs_ops".
 */
export function matchesSpec(actual: string | undefined, wanted: string): boolean {
  if (actual === undefined) return false;
  const [operator = '', ...words] = wanted.trim().split(/\s+/);
  if (operator === '<or>') return wanted.split('<or>').some((each) => each.trim() === actual);
  const operate = OPERATORS[operator];
  return operate && words.length > 0 ? operate(actual, words.join(' ')) : actual === wanted;
}

function truth(text: string): boolean {
  return ['true', 'yes', 'on', '1', 't', 'y'].includes(text.toLowerCase());
}

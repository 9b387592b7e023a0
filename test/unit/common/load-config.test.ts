import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../common/config/load-config.ts';
import { StartError } from '../../../common/errors.ts';

const schema = Type.Object({
  port: Type.Integer({ default: 80, minimum: 1 }),
  level: Type.Union([Type.Literal('low'), Type.Literal('high')], { default: 'low' }),
  'object-server': Type.Object({
    reserve_bytes: Type.Integer({ default: 7 }),
    nested: Type.Object({ on: Type.Boolean({ default: true }) }),
  }),
  stores: Type.Array(Type.Object({ id: Type.String(), size: Type.Integer({ default: 3 }) }), {
    default: [{ id: 'file' }],
  }),
  name: Type.Optional(Type.String()),
});

const load = (text?: string, environment: Record<string, string> = {}, overrides = {}) =>
  loadConfig(schema, { file: text === undefined ? undefined : { name: 'c.yaml', text }, environment, overrides });

describe('the configuration', () => {
  it('is all defaults where nothing is said', () => {
    expect(load()).toEqual({
      port: 80,
      level: 'low',
      'object-server': { reserve_bytes: 7, nested: { on: true } },
      stores: [{ id: 'file', size: 3 }],
    });
  });

  it('takes the file, then the environment, then the command line', () => {
    expect(load('port: 81').port).toBe(81);
    expect(load('port: 81', { MARTLET_PORT: '82' }).port).toBe(82);
    expect(load('port: 81', { MARTLET_PORT: '82' }, { port: 83 }).port).toBe(83);
    expect(load('port: 81', {}, { port: undefined }).port).toBe(81);
  });

  it('finds a dashed section by its environment name', () => {
    expect(load('', { MARTLET_OBJECT_SERVER__RESERVE_BYTES: '9' })['object-server'].reserve_bytes).toBe(9);
    expect(load('', { MARTLET_OBJECT_SERVER__NESTED__ON: 'false' })['object-server'].nested.on).toBe(false);
  });

  it('refuses an unknown key and tells the nearest known one', () => {
    expect(() => load('prot: 81')).toThrow("unknown key 'prot'; did you mean 'port'?");
    expect(() => load('object-server: {reserve_byte: 1}')).toThrow(
      "unknown key 'object-server.reserve_byte'; did you mean 'object-server.reserve_bytes'?",
    );
    expect(() => load('', { MARTLET_PROT: '1' })).toThrow(/unknown key 'prot'/);
  });

  it('refuses a wrong value and tells the key', () => {
    expect(() => load('port: many')).toThrow(/'port' must be integer/);
    expect(() => load('port: 0')).toThrow(/'port' must be >= 1/);
  });

  it('refuses text that is no YAML mapping, with exit code 78', () => {
    for (const text of ['a: b: c', '[1, 2]', 'just words']) {
      const error = (() => {
        try {
          return load(text);
        } catch (refusal) {
          return refusal;
        }
      })();
      expect(error).toBeInstanceOf(StartError);
      expect((error as StartError).exitCode).toBe(78);
    }
  });
});

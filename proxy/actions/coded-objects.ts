import type { ObjectState } from '../../object-server/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { ErasureCodec } from '../erasure/codec.ts';
import { CodedContent } from '../erasure/coded-content.ts';
import { type CodedBody, codedBodyOf, wholeState } from '../erasure/head.ts';
import { FragmentRepairs } from '../erasure/repairs.ts';
import { refusal } from '../errors.ts';
import { putCodedObject } from './put-coded-object.ts';
import { type ObjectPut, putObject, type StoredObject } from './put-object.ts';
import { type ObjectName, type OpenedObject, readObject } from './read-object.ts';

/** Objects as their storage policy keeps them: whole on each replica, or in fragments. */
export interface PolicyObjects {
  /** @throws ApiError as `putObject`. */
  put(put: ObjectPut): Promise<StoredObject>;
  /** @param isBodyWanted whether enough fragments have to be found before it resolves. @throws ApiError as `readObject`. */
  read(name: ObjectName, options: { newest: boolean; isBodyWanted: boolean }): Promise<OpenedObject>;
}

/** @param codec undefined: no policy codes. */
export function createPolicyObjects(cluster: Cluster, codec: ErasureCodec | undefined): PolicyObjects {
  const repairs = codec && new FragmentRepairs(cluster, codec);

  /** The object with its body put together. @throws ApiError 503 where nothing here can do that. */
  function assembled(name: ObjectName, state: ObjectState, body: CodedBody) {
    if (!codec || !repairs) throw refusal(503);
    const onLost = (index: number) => repairs.add({ name, body, etag: state.etag, index });
    return { state: wholeState(state, body), content: new CodedContent({ cluster, codec, name, body, onLost }) };
  }

  return {
    async put(put) {
      const scheme = cluster.policies.byIndex(put.name.policyIndex)?.coding;
      if (!scheme) return putObject(cluster, put);
      if (!codec) throw refusal(503);
      return putCodedObject(cluster, put, { ...scheme, codec });
    },
    async read(name, { newest, isBodyWanted }) {
      for (let isNewest = newest; ; isNewest = true) {
        const opened = await readObject(cluster, name, isNewest);
        const body = codedBodyOf(opened.state);
        if (!body) return opened;
        await opened.content.close();
        const whole = assembled(name, opened.state, body);
        try {
          if (isBodyWanted) await whole.content.locate();
          return whole;
        } catch (error) {
          // A replica that has missed a write points to fragments that are gone.
          if (isNewest) throw error;
        }
      }
    },
  };
}

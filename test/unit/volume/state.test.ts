import { describe, expect, it } from 'vitest';
import type { AttachStatus, VolumeStatus } from '../../../volume/contract.ts';
import { nextStatus, statusByAttachments, TRANSITIONS, type VolumeEvent } from '../../../volume/state.ts';

const with_ = (status: VolumeStatus, ...attachments: AttachStatus[]) => ({
  status,
  attachments: attachments.map((each) => ({ status: each })),
});

describe('the state machine of volumes', () => {
  it.each([
    ['begin-download', 'creating', [], 'downloading'],
    ['finish-making', 'downloading', [], 'available'],
    ['fail-making', 'downloading', [], 'error'],
    ['reserve', 'available', ['reserved'], 'reserved'],
    ['export', 'reserved', ['attaching'], 'attaching'],
    ['export', 'detaching', ['attached'], 'detaching'],
    ['attach', 'attaching', ['attached'], 'in-use'],
    ['begin-detaching', 'in-use', ['attached'], 'detaching'],
    ['roll-detaching', 'detaching', ['attached'], 'in-use'],
    ['detach', 'detaching', [], 'available'],
    ['detach', 'in-use', ['attached'], 'in-use'],
    ['detach', 'extending', [], 'extending'],
    ['detach', 'error', [], 'error'],
    ['finish-extend', 'extending', [], 'available'],
    ['finish-extend', 'extending', ['attached'], 'in-use'],
    ['begin-delete', 'error_deleting', [], 'deleting'],
    ['fail-delete', 'deleting', [], 'error_deleting'],
  ] as const)('%s leads from %s with attachments %j to %s', (event, from, attachments, to) => {
    expect(nextStatus(with_(from, ...attachments), event)).toBe(to);
  });

  it.each([
    ['reserve', 'in-use'],
    ['reserve', 'deleting'],
    ['begin-detaching', 'available'],
    ['begin-detaching', 'detaching'],
    ['begin-extend', 'in-use'],
    ['begin-delete', 'in-use'],
    ['begin-delete', 'creating'],
    ['begin-delete', 'extending'],
    ['finish-making', 'deleting'],
  ] as const)('%s is refused in %s, naming the status', (event, status) => {
    expect(() => nextStatus(with_(status), event)).toThrow(`current status is: ${status}`);
  });

  it('every status that says something is being done has a way out of it', () => {
    const busy: VolumeStatus[] = [
      'creating',
      'downloading',
      'extending',
      'uploading',
      'deleting',
      'attaching',
      'detaching',
    ];
    for (const status of busy) {
      const ways = (Object.keys(TRANSITIONS) as VolumeEvent[]).filter((event) => {
        const { from, to } = TRANSITIONS[event];
        return from !== 'any' && from.includes(status) && to !== status;
      });
      expect([status, ways.length > 0]).toEqual([status, true]);
    }
  });

  it('the most advanced attachment says what the volume is', () => {
    const attachments = (['reserved', 'attached', 'attaching'] as const).map((status) => ({ status }));
    expect(statusByAttachments(attachments)).toBe('in-use');
    expect(statusByAttachments([{ status: 'reserved' }, { status: 'attaching' }])).toBe('attaching');
    expect(statusByAttachments([])).toBe('available');
  });
});

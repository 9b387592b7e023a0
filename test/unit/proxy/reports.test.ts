import { describe, expect, it } from 'vitest';
import { reportOf, reportsOfPartition } from '../../../proxy/backend/reports.ts';
import { fakeRing } from '../../support/swift-fakes/fake-ring.ts';

/** Devices that each object replica tells at once. */
function toldBy(containerReplicas: number, objectReplicas: number): string[][] {
  const reports = reportsOfPartition(fakeRing(8, containerReplicas), 0, objectReplicas);
  return Array.from({ length: Math.ceil(objectReplicas) }, (_, replica) => {
    const { device, others = [], alsoOthers = 0 } = reportOf(reports, replica);
    return [device, ...others.slice(0, alsoOthers).map((each) => each.device)];
  });
}

describe('reports to container replicas', () => {
  it('each object replica tells its own', () => {
    expect(toldBy(3, 3)).toEqual([['d0'], ['d1'], ['d2']]);
  });

  it('fewer object replicas tell several each: none is left out', () => {
    expect(toldBy(3, 1)).toEqual([['d0', 'd1', 'd2']]);
    expect(toldBy(3, 2)).toEqual([['d0', 'd2'], ['d1']]);
    expect(toldBy(5, 3)).toEqual([['d0', 'd3'], ['d1', 'd4'], ['d2']]);
  });

  it('more object replicas share container replicas', () => {
    expect(toldBy(3, 4)).toEqual([['d0'], ['d1'], ['d2'], ['d0']]);
    expect(toldBy(3, 2.5).slice(0, 2)).toEqual([['d0', 'd2'], ['d1']]);
  });

  it('each report names all the others', () => {
    const ring = fakeRing(8, 3);
    for (const objectReplicas of [1, 2, 3]) {
      for (const report of reportsOfPartition(ring, 2, objectReplicas)) {
        const devices = [report.device, ...(report.others ?? []).map(({ device }) => device)];
        expect(devices.toSorted()).toEqual(['d2', 'd3', 'd4']);
      }
      expect(reportsOfPartition(ring, 2, objectReplicas)).toBe(reportsOfPartition(ring, 2, objectReplicas));
    }
  });
});

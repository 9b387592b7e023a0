import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ImageInspection } from '../../../common/image-format/inspection.ts';
import { iso, luks, partitioned, qcow2, vdi, vhdFooter, vmdk } from '../../support/image/made-images.ts';

const GOOD = [
  qcow2(),
  vmdk(),
  vdi(),
  iso(),
  luks(),
  Buffer.concat([vhdFooter(3), Buffer.alloc(600)]),
  partitioned(Buffer.alloc(2048)),
];

it('no damage to a header makes the inspection throw, and its verdict does not depend on how the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...GOOD),
      fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (good, damage, cuts, kept) => {
        const bytes = Buffer.from(good.subarray(0, Math.ceil(good.length * kept)));
        for (const [at, value] of damage) if (at < bytes.length) bytes[at] = value;
        const whole = new ImageInspection();
        whole.write(bytes);
        const cut = new ImageInspection();
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          cut.write(bytes.subarray(at, at + length));
          at += length;
        }
        expect(cut.finish()).toEqual(whole.finish());
      },
    ),
    { numRuns: 200 },
  );
});

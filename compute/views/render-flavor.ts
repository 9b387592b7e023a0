import { gated } from '../microversions.ts';
import type { FlavorRecord } from '../store/records.ts';
import { linksOf } from './links.ts';

/** Spec: Compute API, "Flavors". */
export function renderFlavor(flavor: FlavorRecord, base: string, minor: number): Record<string, unknown> {
  return gated('flavor', minor, {
    id: flavor.id,
    name: flavor.name,
    ram: flavor.ramMib,
    disk: flavor.diskGib,
    swap: minor >= 75 ? 0 : '',
    vcpus: flavor.vcpus,
    rxtx_factor: 1.0,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': flavor.isPublic,
    description: flavor.description,
    extra_specs: flavor.extraSpecs,
    links: linksOf(base, `flavors/${flavor.id}`),
  });
}

/** The entry of the short list. */
export function renderFlavorSummary(flavor: FlavorRecord, base: string, minor: number): Record<string, unknown> {
  const { id, name, description } = flavor;
  return gated('flavor', minor, { id, name, description, links: linksOf(base, `flavors/${id}`) });
}

/** The flavor inside a server: a reference before 2.47, a copy from then on. */
export function renderServerFlavor(flavor: FlavorRecord, base: string, minor: number): Record<string, unknown> {
  const { id, name, vcpus, ramMib, diskGib, extraSpecs } = flavor;
  if (minor < 47) return { id, links: linksOf(base, `flavors/${id}`).slice(1) };
  return { original_name: name, vcpus, ram: ramMib, disk: diskGib, ephemeral: 0, swap: 0, extra_specs: extraSpecs };
}

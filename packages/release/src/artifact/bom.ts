import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import parseLicense from 'spdx-expression-parse';
import type { InstalledPackage } from './packages.ts';

export interface BomInput {
  product: string;
  commit: string;
  packages: InstalledPackage[];
}

/**
 * CycloneDX 1.6 of exactly the packages that are installed in a tree, each once; without time and serial number, so that the same
 * packages give the same text.
 */
export function bomText({ product, commit, packages }: BomInput): string {
  const bom = new Models.Bom();
  bom.metadata.component = new Models.Component(Enums.ComponentType.Application, product, {
    version: commit,
    bomRef: 'product',
  });
  const licenses = new Contrib.License.Factories.LicenseFactory(parseLicense);
  const byUrl = new Map(packages.map((one) => [urlOf(one), one]));
  for (const [purl, { name, version, license }] of byUrl) {
    const [scope, plain] = name.startsWith('@') ? name.split('/') : [undefined, name];
    const component = new Models.Component(Enums.ComponentType.Library, plain ?? name, {
      ...(scope ? { group: scope } : {}),
      version,
      purl,
      bomRef: purl,
    });
    if (license) component.licenses.add(licenses.makeFromString(license));
    bom.components.add(component);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function urlOf({ name, version }: InstalledPackage): string {
  const [scope, plain] = name.startsWith('@') ? name.split('/') : [undefined, name];
  return new PackageURL('npm', scope, plain ?? name, version).toString();
}

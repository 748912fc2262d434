import { beyondRole, type CopySource } from '@drydock/kit';
import type { Client } from 'pg';
import type { Manifest } from '../manifest.ts';

/**
 * What a database made of this backup beside the live one will not show, or has from elsewhere, in words: told with the plan. `client` is
 * connected to the server that it is made on.
 */
export async function foreseeLeftOut(
  client: Client,
  manifest: Manifest | undefined,
  { noOwner, beside, copies }: { noOwner: boolean; beside: boolean; copies: CopySource },
): Promise<string[]> {
  const beyond = await beyondRole(client, manifest?.extensions ?? []);
  const from = copies.template
    ? `from ${copies.template}`
    : copies.maker
      ? 'made by the role of database.scratch.url'
      : 'the role may not make it';
  const outward = (manifest?.outward ?? []).filter((what) => beside || what.startsWith('subscription '));
  return [
    ...(noOwner ? ['owners and rights'] : []),
    ...outward,
    ...beyond.map((name) => `extension ${name} (${from})`),
  ];
}

/** As a line of a plan. */
export function describeLeftOut(left: string[] = []): string[] {
  return left.length > 0 ? [`it cannot show, or has from elsewhere: ${left.join(', ')}`] : [];
}

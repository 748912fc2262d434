import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type EnvName, isPlainName, makeStateFolder, readStateFile, statePath, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import type { Slot } from '../proxy/haproxy.ts';
import type { Instance } from './types.ts';

/** A version names a folder of artefacts. */
const instanceSchema = z.object({
  slot: z.enum(['blue', 'green']),
  version: z.string().refine(isPlainName),
  commit: z.string(),
  port: z.int().min(1).max(65_535),
  elsewhere: z.literal(true).optional(),
});
const slotsSchema = z.object({ blue: instanceSchema.optional(), green: instanceSchema.optional() });

/** A version in a slot. */
export type SlotInstance = Instance & { slot: Slot; port: number };

/** Which version lies in which slot: `.drydock/releases/<env>.json`. Which one is live, the proxy says. */
export class SlotFile {
  readonly #root: string;
  readonly #name: string;

  constructor(root: string, env: EnvName) {
    this.#root = root;
    this.#name = `${env}.json`;
  }

  read(): Partial<Record<Slot, SlotInstance>> {
    const kept = readStateFile(join(statePath(this.#root, 'releases'), this.#name), slotsSchema) ?? {};
    return kept as Partial<Record<Slot, SlotInstance>>;
  }

  put(instance: SlotInstance): void {
    const file = join(makeStateFolder(this.#root, 'releases'), this.#name);
    writeDurably(file, `${JSON.stringify({ ...this.read(), [instance.slot]: instance }, null, 2)}\n`);
  }
}

/** Versions that lie in a slot of any environment: their artefacts are still needed. */
export function versionsInUse(root: string): Set<string> {
  // Of every environment that ever was, also one that the config has no more.
  const files = globSync('*.json', { cwd: statePath(root, 'releases') });
  return new Set(
    files.flatMap((file) =>
      Object.values(new SlotFile(root, basename(file, '.json')).read()).map(({ version }) => version),
    ),
  );
}

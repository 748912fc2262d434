import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type EnvName, isPlainName, makeStateFolder, readStateFile, statePath, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import type { Deployment, Slot } from './types.ts';

/** A version names a folder of artefacts. */
const placedSchema = z.object({
  slot: z.enum(['blue', 'green']),
  version: z.string().refine(isPlainName),
  commit: z.string(),
  digest: z.string().default(''),
  port: z.int().min(1).max(65_535),
});
const slotsSchema = z.object({ blue: placedSchema.optional(), green: placedSchema.optional() });

/** A version in a slot, and where it listens. */
export type Placed = Deployment & { port: number };

/** Which version lies in which slot: `.drydock/releases/<env>.json`. Which one is live, the proxy says. */
export class SlotFile {
  readonly #root: string;
  readonly #name: string;

  constructor(root: string, env: EnvName) {
    this.#root = root;
    this.#name = `${env}.json`;
  }

  read(): Partial<Record<Slot, Placed>> {
    const kept = readStateFile(join(statePath(this.#root, 'releases'), this.#name), slotsSchema) ?? {};
    return kept as Partial<Record<Slot, Placed>>;
  }

  put(placed: Placed): void {
    const file = join(makeStateFolder(this.#root, 'releases'), this.#name);
    writeDurably(file, `${JSON.stringify({ ...this.read(), [placed.slot]: placed }, null, 2)}\n`);
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

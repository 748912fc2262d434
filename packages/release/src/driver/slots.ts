import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENV_NAMES, type EnvName, isMissing, writeDurably } from '@drydock/kit';
import type { Slot } from '../proxy/haproxy.ts';
import type { Instance } from './types.ts';

/** Which version lies in which slot: `.drydock/releases/<env>.json`. Which one is live, the proxy says. */
export class SlotFile {
  readonly #file: string;

  constructor(root: string, env: EnvName) {
    this.#file = join(root, '.drydock', 'releases', `${env}.json`);
  }

  read(): Partial<Record<Slot, Instance>> {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<Record<Slot, Instance>>;
    } catch (cause) {
      if (isMissing(cause)) return {};
      throw cause;
    }
  }

  put(instance: Instance): void {
    writeDurably(this.#file, `${JSON.stringify({ ...this.read(), [instance.slot]: instance }, null, 2)}\n`);
  }
}

/** Versions that lie in a slot of any environment: their artefacts are still needed. */
export function versionsInUse(root: string): Set<string> {
  return new Set(
    ENV_NAMES.flatMap((env) => Object.values(new SlotFile(root, env).read()).map(({ version }) => version)),
  );
}

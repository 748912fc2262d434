import type { Environment, LoadedConfig } from '@drydock/kit';
import { rotatedVariables } from '@drydock/secrets';
import type { ReleaseConfig } from '../config.ts';
import { SLOTS } from '../driver/types.ts';
import { asOfNow, asReleased, type Known } from './again.ts';
import { KeptEnvironments, OF_THE_USER, productEnvironment } from './environment.ts';
import type { HostFolder } from './folder.ts';

interface On {
  config: LoadedConfig;
  release: ReleaseConfig;
  environment: Environment;
  host: HostFolder;
  /** The Node of versions. */
  node(): Promise<string>;
}

/** What a version is started with, and started again. */
export class VersionEnvironments {
  readonly #on: On;
  readonly #kept: KeptEnvironments;

  constructor(on: On) {
    this.#on = on;
    this.#kept = new KeptEnvironments(on.host.environments);
  }

  async ofNow(): Promise<Record<string, string>> {
    const { config, environment, release, node } = this.#on;
    return productEnvironment(config, environment, release.app, await node()).env;
  }

  /** Undefined where it was not kept. */
  async asReleased(version: string): Promise<Record<string, string> | undefined> {
    const known = await this.#known(version);
    return known.kept && asReleased(known);
  }

  /** Of the version that serves. */
  async again(version: string): Promise<Record<string, string>> {
    const { environment, release } = this.#on;
    const ofTheShell = [...OF_THE_USER, 'PATH', ...release.app.inherit];
    return asOfNow(await this.#known(version), new Set(ofTheShell.filter((name) => !environment.isInFile(name))));
  }

  /** As it is released. */
  keep(version: string, env: Record<string, string>): void {
    const { host, release } = this.#on;
    const standing = SLOTS.flatMap((slot) => host.placed(slot)?.version ?? []);
    // One for each version that can be gone back to.
    this.#kept.keep(version, env, release.artifact.keep + 2, standing);
  }

  async #known(version: string): Promise<Known> {
    const { config, environment } = this.#on;
    const rotated = new Set([...(await rotatedVariables(config, environment)).values()].flat());
    return { kept: this.#kept.read(version), now: await this.ofNow(), rotated };
  }
}

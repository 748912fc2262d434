import type { Environment, LoadedConfig } from '@drydock/kit';
import { rotatedVariables } from '@drydock/secrets';
import type { ReleaseConfig } from '../config.ts';
import { asOfNow, asReleased, type Known } from '../host/again.ts';
import type { KeptVariables } from './kept.ts';

/**
 * What an environment has for the product: its files, what is declared, and what config takes from a shell; nothing of this machine, whose PATH
 * and HOME are no container's.
 */
function containerVariables(
  config: LoadedConfig,
  environment: Environment,
  inherit: readonly string[],
): Record<string, string> {
  const isOfTheProduct = (name: string) =>
    name === 'DRYDOCK_ENV' ||
    inherit.includes(name) ||
    environment.isInFile(name) ||
    config.variables[name] !== undefined ||
    config.named.has(name);
  return Object.fromEntries(Object.entries(environment.forChild('product')).filter(([name]) => isOfTheProduct(name)));
}

/** What a version is started with, and started again. */
export class VersionVariables {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #kept: KeptVariables;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment, kept: KeptVariables) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#kept = kept;
  }

  get ofNow(): Record<string, string> {
    const { app, swarm } = this.#release;
    return { ...containerVariables(this.#config, this.#environment, app.inherit), ...swarm.environment };
  }

  /** Undefined where it was not kept. */
  async asReleased(version: string): Promise<Record<string, string> | undefined> {
    const known = await this.#known(version);
    return known.kept && asReleased(known);
  }

  /** Of the version that serves. */
  async again(version: string): Promise<Record<string, string>> {
    const ofTheShell = this.#release.app.inherit.filter((name) => !this.#environment.isInFile(name));
    return asOfNow(await this.#known(version), new Set(ofTheShell));
  }

  /** As it is released: one for each slot, and for each version that can be gone back to. */
  keep(version: string, variables: Record<string, string>): Promise<void> {
    return this.#kept.keep(version, variables, this.#release.artifact.keep + 2);
  }

  async #known(version: string): Promise<Known> {
    const rotated = new Set([...(await rotatedVariables(this.#config, this.#environment)).values()].flat());
    return { kept: await this.#kept.of(version), now: this.ofNow, rotated };
  }
}

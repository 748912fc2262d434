import { type Environment, type LoadedConfig, slugOf } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import type { Haproxy } from '../proxy/haproxy.ts';
import { proxyOf } from '../proxy/of.ts';
import { Traffic } from '../proxy/traffic.ts';
import { readyPathOf } from '../ready-path.ts';
import { Engine } from './engine.ts';
import type { Images } from './images.ts';
import { askingInstances } from './instance.ts';
import { KeptVariables } from './kept.ts';
import { SwarmSlots } from './slots.ts';
import { VersionVariables } from './variables.ts';

const THIS_MACHINE = 'unix:///var/run/docker.sock';

/** What the swarm's driver works with, as config and variables say. Made when it is asked for: that a variable is missing is the answer to a question. */
export class SwarmParts {
  readonly #config: LoadedConfig;
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #images: Images;

  constructor(config: LoadedConfig, release: ReleaseConfig, environment: Environment, images: Images) {
    this.#config = config;
    this.#release = release;
    this.#environment = environment;
    this.#images = images;
  }

  get proxy(): Haproxy {
    return proxyOf(this.#config, this.#environment);
  }

  get traffic(): Traffic {
    return new Traffic(this.proxy);
  }

  get engine(): Engine {
    const { engine, certificates } = this.#release.swarm;
    return new Engine(this.#environment.get(engine) ?? THIS_MACHINE, this.#environment.get(certificates));
  }

  /** Of the names of all that is ours there. */
  get prefix(): string {
    return `${slugOf(this.#config.product)}-${this.#environment.name}`;
  }

  /** How many of a version are wanted. */
  get instances(): number {
    return this.#release.swarm.instances;
  }

  get slots(): SwarmSlots {
    const { app, swarm } = this.#release;
    const { name } = this.#environment;
    const all = Object.keys(this.#config.environments);
    const first = swarm.firstPort + 2 * all.indexOf(name);
    return new SwarmSlots(
      this.engine,
      { auth: this.#images.auth },
      {
        prefix: this.prefix,
        // One more for each environment, behind those of the slots.
        ports: { blue: first, green: first + 1, beside: swarm.firstPort + 2 * all.length + all.indexOf(name) },
        variables: { port: app.portVariable, version: app.versionVariable },
        graceMs: app.drainTimeoutMs,
        ask: askingInstances(
          this.#config,
          this.#environment,
          readyPathOf(this.#config, this.#environment, this.#release),
        ),
      },
    );
  }

  get variables(): VersionVariables {
    const kept = new KeptVariables(this.engine, this.prefix);
    return new VersionVariables(this.#config, this.#release, this.#environment, kept);
  }
}

import { environmentSettings } from '@drydock/kit';
import type { Patient, Probe } from './probe.ts';

/** What releases go by, where the product is released by us: the proxy, the supervisor, its Node, the store of artefacts. */
export async function releaseProbes({ config, environment }: Patient): Promise<Probe[]> {
  // Nobody releases to developers.
  if (config.written.release === undefined || environmentSettings(config, environment.name).serves === 'developers')
    return [];
  const { artifactStore, driverOf } = await import('@drydock/release');
  return [() => driverOf(config, environment), () => artifactStore(config, environment)].flatMap((make): Probe[] => {
    try {
      return make()
        .questions()
        .map(({ about, ask }) => ({ what: about, ask: () => ask(new AbortController().signal) }));
    } catch (thrown) {
      return [{ what: 'release', ask: () => Promise.reject(thrown) }];
    }
  });
}

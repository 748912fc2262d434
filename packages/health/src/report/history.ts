import type { Environment, LoadedConfig } from '@drydock/kit';
import type { Window } from '../metrics/window.ts';
import { SeriesStore } from '../series/store.ts';

export interface History {
  /** A minute each, in order. */
  windows: Window[];
  /** For a person: where they come from. */
  source: string;
}

/** Samples that tasks on this machine have kept. */
export async function readSamples(config: LoadedConfig, { name }: Environment, from: number): Promise<History> {
  const store = await SeriesStore.open(config, name);
  try {
    return {
      windows: store.read(from).map(({ window }) => window),
      source: `samples in ${config.health.series.folder}`,
    };
  } finally {
    store.close();
  }
}

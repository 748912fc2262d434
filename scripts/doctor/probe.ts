import type { Environment, Hint, LoadedConfig } from '@drydock/kit';

/** A line of the table. `doubt`: it works, and will be in the way of something; `unset`: nobody has configured it here. */
export type Row = {
  what: string;
  state: 'works' | 'fails' | 'doubt' | 'unset';
  /** What was found, in the words of whoever was asked. */
  found: string;
  code: string;
  next?: Hint;
};

/** Something to ask. Several answers where it is several things; a text is what was found, and that it works. */
export interface Probe {
  what: string;
  /** What to do where it hangs, or says nothing of it itself. */
  next?: Hint;
  ask(): Promise<string | Row[]>;
}

export interface Patient {
  config: LoadedConfig;
  environment: Environment;
  /** Of this run. */
  run: string;
}

import { type EnvName, type Finding, type LoadedConfig, toOpsError } from '@drydock/kit';
import type { Window } from '../metrics/window.ts';
import { aheadFinding } from './ahead.ts';
import { Recorder } from './recorder.ts';
import { SeriesStore } from './store.ts';

/** Keeps what a task sees. A full disk or a broken file costs the samples and a word, never the task: what it judges it has seen itself. */
export class SampleKeeper {
  readonly #tell: (finding: Finding) => void;
  #store: SeriesStore | undefined;
  #recorder: Recorder | undefined;

  private constructor(store: SeriesStore | undefined, tell: (finding: Finding) => void) {
    this.#tell = tell;
    this.#store = store;
    this.#recorder = store && new Recorder((minute) => store.put(minute));
  }

  static async open(config: LoadedConfig, env: EnvName, tell: (finding: Finding) => void): Promise<SampleKeeper> {
    try {
      const store = await SeriesStore.open(config, env);
      const ahead = store.ahead();
      if (ahead) {
        tell(aheadFinding(ahead));
        store.dropAhead();
      }
      return new SampleKeeper(store, tell);
    } catch (error) {
      const keeper = new SampleKeeper(undefined, tell);
      keeper.#giveUp(error);
      return keeper;
    }
  }

  add(window: Window, version: string | undefined): void {
    try {
      this.#recorder?.add(window, version);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Undefined where nothing is known. */
  before(version: string | undefined, minutes: number): ReturnType<SeriesStore['before']> {
    try {
      return this.#store?.before(version, minutes);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  close(): void {
    this.#store?.close();
  }

  #giveUp(thrown: unknown): void {
    this.#recorder = undefined;
    const { message, hint } = toOpsError(thrown);
    this.#tell({ level: 'warn', code: 'SAMPLES_NOT_KEPT', message: `No samples are kept of this: ${message}`, hint });
  }
}

import type { Json } from '../json.ts';
import type { StepResults } from './types.ts';

export class ResultStore implements StepResults {
  readonly #data = new Map<string, Json>();

  set(name: string, data: Json | undefined): void {
    this.#data.set(name, data ?? null);
  }

  has(name: string): boolean {
    return this.#data.has(name);
  }

  get<D extends Json = Json>(name: string): D {
    if (!this.#data.has(name)) throw new Error(`No step named "${name}" has run.`);
    return this.#data.get(name) as D;
  }
}

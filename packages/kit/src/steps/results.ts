import type { Json } from '../json.ts';
import type { Handle, StepNode, StepResults } from './types.ts';

/** Results by the step itself: two of one name in different groups, or of another run, are never taken for each other. */
export class ResultStore implements StepResults {
  readonly #data = new Map<StepNode, Json>();

  set(step: StepNode, data: Json | undefined): void {
    this.#data.set(step, data ?? null);
  }

  of<D extends Json>(step: Handle<D>): D {
    if (this.#data.has(step)) return this.#data.get(step) as D;
    throw new Error(`Step "${step.name}" is not part of this run, or has not come to its turn.`);
  }

  ifDone<D extends Json>(step: Handle<D>): D | undefined {
    return this.#data.get(step) as D | undefined;
  }
}

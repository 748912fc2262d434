import { type Engine, EngineRefusal } from './engine.ts';
import { LABELS } from './spec.ts';

const KEPT = 'drydock.kept';

interface DockerConfig {
  ID: string;
  CreatedAt: string;
  Spec: { Name: string; Labels: Record<string, string>; Data: string };
}

/**
 * The variables that each version went with last, at the managers as a config of Docker: secrets and settings go back with the code that they
 * belong to. (A secret of Docker cannot be read again; whoever may speak with a manager can read both, and each service.)
 */
export class KeptVariables {
  readonly #engine: Engine;
  readonly #prefix: string;

  constructor(engine: Engine, prefix: string) {
    this.#engine = engine;
    this.#prefix = prefix;
  }

  async of(version: string): Promise<Record<string, string> | undefined> {
    const [newest] = (await this.#all()).filter(({ Spec }) => Spec.Labels[LABELS.version] === version);
    return newest && (JSON.parse(Buffer.from(newest.Spec.Data, 'base64').toString()) as Record<string, string>);
  }

  /** Older ones than the last `most` go: what they hold may open something for long. */
  async keep(version: string, variables: Record<string, string>, most: number): Promise<void> {
    const before = await this.#all();
    await this.#engine.post('/configs/create', {
      Name: `${this.#prefix}-${Date.now().toString(36)}`,
      Labels: { [KEPT]: this.#prefix, [LABELS.version]: version },
      Data: Buffer.from(JSON.stringify(variables)).toString('base64'),
    });
    const same = before.filter(({ Spec }) => Spec.Labels[LABELS.version] === version);
    const others = before.filter((each) => !same.includes(each));
    for (const { ID } of [...same, ...others.slice(most - 1)]) await this.#remove(ID);
  }

  /** Newest first. */
  async #all(): Promise<DockerConfig[]> {
    const filters = JSON.stringify({ label: [`${KEPT}=${this.#prefix}`] });
    const found = await this.#engine.get<DockerConfig[]>('/configs', { filters });
    return found.sort((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : -1));
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#engine.delete(`/configs/${id}`);
    } catch (error) {
      // Another run was faster.
      if (!(error instanceof EngineRefusal && error.status === 404)) throw error;
    }
  }
}

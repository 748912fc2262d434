// For tests of the other packages: steps without a task around them, and a product without a checkout.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryJournal } from './journal/memory-journal.ts';
import type { JournalEntry } from './journal/types.ts';
import type { Output } from './output/output.ts';
import { runSteps } from './steps/run.ts';
import type { StepNode, StepResults } from './steps/types.ts';

/** Output that keeps what was said. */
export function silentOutput(): Output & { said: string[] } {
  const said: string[] = [];
  const keep = (text: string) => void said.push(text);
  return {
    said,
    line: keep,
    warn: keep,
    table: (header, rows) => keep([header, ...rows].map((row) => row.join(' ')).join('\n')),
    progress: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
  };
}

/** Runs steps on a memory journal, undoing nothing. */
export async function runStepsForTest(nodes: StepNode[]): Promise<{ results: StepResults; entries: JournalEntry[] }> {
  const journal = createMemoryJournal();
  const results = await runSteps({
    nodes,
    journal,
    before: new Map(),
    out: silentOutput(),
    signal: new AbortController().signal,
    assertLocked: async () => {},
    audit: async () => {},
    onFailure: 'keep',
  });
  return { results, entries: journal.entries };
}

/** A folder with a plain config (all environments unguarded) and an `.env.staging`. Swept by the test runner. */
export function makeStrangeProduct(config: object, env: Record<string, string> = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const environment = { guard: 'none', parity };
  const base = {
    product: 'strange',
    environments: { development: environment, staging: environment, production: environment },
  };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify({ ...base, ...config })};\n`);
  writeFileSync(
    join(root, '.env.staging'),
    Object.entries(env)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  return root;
}

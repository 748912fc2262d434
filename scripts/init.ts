#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { command, counted, defineChangeTask, hint, main, refuseClosed, usageError } from '@drydock/kit';
import { TOOLKIT } from '@drydock/kit/cli';
import { initFlags } from './init/answers.ts';
import { describeInit } from './init/describe.ts';
import { initSteps } from './init/steps.ts';

const task = defineChangeTask({
  name: 'init',
  summary:
    "Looks at a product's folder and writes what Drydock needs to operate it: config, npm scripts, example env files.",
  description:
    'It reads package.json, the Prisma schema, the .env files, Dockerfile and compose file, and asks what they leave open; with --yes it takes\n' +
    'what it found. It writes over nothing: a second run tells what is there and offers what is new. No value of a variable is shown or copied.\n' +
    "At the end it says what is still missing, and what each of that would bring. From the toolkit's folder: --config ../shop.",
  examples: [
    'npm run init -- --config ../shop',
    'npm run init -- --config ../shop --plan',
    'npm run init -- --config ../shop --yes --environments development,production',
  ],
  flags: initFlags,
  perEnvironment: false,
  withoutConfig: true,
  lock: 'checkout',
  restartable: true,
  destructive: true,
  onFailure: 'keep',
  async questions({ config, flags, signal }) {
    refuseToolkit(config.root);
    const { look } = await import('./init/look.ts');
    const { askFor, chooser } = await import('./init/answers.ts');
    const found = await look(config.root, chooser(flags, signal));
    // A person has answered already.
    if (existsSync(config.file)) return {};
    return { schema: found.prisma.schema, ...(await askFor(found, flags, signal)) };
  },
  async plan({ config, flags }) {
    refuseToolkit(config.root);
    const { look } = await import('./init/look.ts');
    const { answersOf, chooser } = await import('./init/answers.ts');
    const { planInit } = await import('./init/plan.ts');
    const found = await look(config.root, chooser(flags, undefined));
    const known = existsSync(config.file) ? config : undefined;
    const answers = { taken: answersOf(found, flags, known), ofFound: answersOf(found, flags, undefined) };
    const plan = await planInit(found, answers, config);
    if (plan.files.length > 0)
      refuseClosed(config.root, 'Run it as who may write there: it writes the config and examples of env files.');
    return plan;
  },
  describe: describeInit,
  steps: ({ config }, plan) => initSteps(config.root, config.file, plan),
  outcome: (_, { product, files, findings, environments: [first = ''] }) => ({
    verdict:
      files.length === 0
        ? `Everything that init writes for ${product} is there already.`
        : `${product} can be operated: ${counted(files.length, 'file')} written.`,
    data: { files: files.map(({ path }) => path) },
    findings,
    next: hint`${command('doctor', { env: first })}   (connects to everything, and says what works)`,
  }),
});

/** It is operated by a config of its own already. */
function refuseToolkit(root: string): void {
  if (root === TOOLKIT)
    throw usageError(
      'TOOLKIT_ITSELF',
      `${root} is the toolkit's own folder.`,
      hint`Name a product's: ${command('init', { config: '../shop' })}`,
    );
}

export default task;
await main(task, import.meta);

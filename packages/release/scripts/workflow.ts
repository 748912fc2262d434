#!/usr/bin/env node
import {
  configFile,
  defineReadTask,
  type Finding,
  flag,
  homeOf,
  type Json,
  main,
  printFiles,
  promotionTo,
  written,
} from '@drydock/kit';
import { releaseConfig } from '../src/config.ts';

const RUNNER = 'ubuntu-24.04';

const task = defineReadTask({
  name: 'release:workflow',
  summary:
    'Prints the workflow of GitHub that releases to an environment: a job for each stage before it, each with its approval.',
  description:
    'Prints only, alone on stdout, for a file. Somebody starts it by hand and says why. Each stage is a job in an environment of GitHub: its\n' +
    'secrets (ENV_PRODUCTION, the text of a dotenv file) reach that job alone, and its reviewers are asked before it begins. "Re-run failed jobs" goes on where a killed runner stopped.\n' +
    'It also goes back (rollback), decides about a release that waits (continue, abort), and ends the version before (settle). Backups: npm run backup:schedule.',
  examples: ['npm run -s release:workflow -- --env production > .github/workflows/release.yml'],
  flags: { runner: flag.text({ value: 'LABEL', about: `what it runs on (default ${RUNNER})` }) },
  writesDocument: () => true,
  async run({ config, env, flags }) {
    const { releaseWorkflow } = await import('../src/workflow/release.ts');
    releaseConfig(config);
    const stages = promotionTo(config, env);
    const files = written([
      releaseWorkflow({
        config,
        stages,
        configFile: configFile(config, homeOf(config)),
        runner: flags.runner ?? RUNNER,
      }),
    ]);
    return {
      verdict: `A workflow with ${stages.length === 1 ? 'one stage' : `${stages.length} stages`}, ${stages.join(', then ')}; nothing was changed.`,
      data: { files, stages } as unknown as Json,
      findings: flags.runner === undefined ? [hostedRunner()] : [],
      document: printFiles(files, undefined, 'release:workflow'),
    };
  },
});

function hostedRunner(): Finding {
  return {
    level: 'warn',
    code: 'RUNNER_ELSEWHERE',
    message: `${RUNNER} is a machine of GitHub's: it starts no version on yours, and does not see your network.`,
    hint: 'Where the driver is local, name a runner of the host itself: --runner self-hosted',
  };
}

export default task;
await main(task, import.meta);

import { join } from 'node:path';
import {
  defineStep,
  makeStateFolder,
  type Step,
  type StepContext,
  type TaskContext,
  toOpsError,
  writeDurably,
} from '@drydock/kit';
import { z } from 'zod';
import { repositoryIn } from '../ci/ask.ts';
import { api } from '../ci/github.ts';
import { releaseConfig } from '../config.ts';

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;

export type AdvisoryPlan = {
  summary: string;
  severity: (typeof SEVERITIES)[number];
  commit: string;
  secrets: string[];
  tests: string[];
  skipped: string[];
};

const opened = z.object({ ghsa_id: z.string(), html_url: z.string() });
const listed = z.array(opened.extend({ description: z.string().nullish() }));

/** "Create private security advisory internally": on GitHub where the config says so, else a draft that nothing publishes. */
export function advisoryStep(ctx: TaskContext, plan: AdvisoryPlan): Step<{ where: string }> {
  return defineStep<{ where: string }>({
    name: 'advisory',
    alwaysCheck: true,
    check: async (step) => {
      if (releaseConfig(ctx.config).hotfix.advisory !== 'github') return undefined;
      const found = await findOpened(ctx, step).catch(() => undefined);
      return found ? { where: found } : undefined;
    },
    async run(step) {
      if (releaseConfig(ctx.config).hotfix.advisory === 'github')
        try {
          return { where: await open(ctx, plan, step) };
        } catch (thrown) {
          step.signal.throwIfAborted();
          step.out.warn(
            `No advisory could be opened on GitHub: ${toOpsError(thrown).message}. Its draft is kept here.`,
          );
        }
      const file = join(makeStateFolder(ctx.config.root, 'advisories'), `${step.run}.md`);
      writeDurably(file, `# ${plan.summary}\n\nSeverity: ${plan.severity}\n\n${textOf(plan, step.run)}\n`);
      return { where: file };
    },
  });
}

async function repository(ctx: TaskContext) {
  const found = await repositoryIn(ctx.config, releaseConfig(ctx.config).ci);
  if (!found) throw new Error('origin is not on GitHub, and release.ci.repository names none');
  return found;
}

/** A run that was killed after it had opened one does not open another. */
async function findOpened(ctx: TaskContext, { run, signal }: StepContext): Promise<string | undefined> {
  const at = await repository(ctx);
  const path = `repos/${at.name}/security-advisories?state=draft&per_page=100`;
  const all = listed.parse(await api(at, ['GET', path], { environment: ctx.environment, signal }));
  return all.find(({ description }) => description?.includes(run))?.html_url;
}

async function open(ctx: TaskContext, plan: AdvisoryPlan, { run, signal }: StepContext): Promise<string> {
  const at = await repository(ctx);
  const name = releaseConfig(ctx.config).hotfix.package ?? ctx.config.product;
  const body = {
    ...{ summary: plan.summary, severity: plan.severity, description: textOf(plan, run) },
    vulnerabilities: [{ package: { ecosystem: 'other', name } }],
  };
  const path = `repos/${at.name}/security-advisories`;
  return opened.parse(await api(at, ['POST', path], { environment: ctx.environment, signal, body })).html_url;
}

function textOf({ commit, secrets, tests, skipped }: AdvisoryPlan, run: string): string {
  return [
    `Fixed by ${commit}.`,
    `Impacted secrets: ${secrets.join(', ') || 'none'}.`,
    `Regression test: ${tests.join(', ') || 'none'}.`,
    `Left out of the release: ${skipped.join(', ') || 'nothing'}.`,
    `Run ${run}.`,
  ].join('\n');
}

#!/usr/bin/env node
import {
  command,
  defineChangeTask,
  defineStep,
  environmentSettings,
  type Finding,
  flag,
  type LoadedConfig,
  main,
} from '@drydock/kit';
import { artifactStep } from '../src/artifact/step.ts';
import { artifactStore } from '../src/artifact/store.ts';
import { differences, notReproducible } from '../src/artifact/twice.ts';
import { readCheckout } from '../src/checkout.ts';
import { planVersion, readBump, type VersionPlan } from '../src/version/plan.ts';
import { tagSteps } from '../src/version/steps.ts';

type BuildPlan = { commit: string; subject: string; dirty: string[]; version: VersionPlan | null };

const task = defineChangeTask({
  name: 'release:build',
  summary: 'Builds the artefact of the checked-out commit, or finds it where it was built before.',
  description:
    'The commit, not the working tree, is built by release.artifact.build and kept by its content, where every checkout finds it: two\n' +
    'checkouts on one platform build the same, to the byte. A release does this by itself. One that was changed where it lies is built anew.\n' +
    '--bump gives the commit a version tag with a changelog once it is built, and pushes it; a tag that exists is refused.',
  examples: [
    'npm run build',
    'npm run build -- --twice',
    'npm run build -- --bump minor',
    'npm run build -- --bump 2.0.0-rc.1 --plan',
  ],
  flags: {
    bump: {
      ...flag.text({ value: 'PART', about: 'tag it: major, minor, patch, auto (by its commits) or a version' }),
      parse: readBump,
    },
    twice: flag.boolean({
      about: 'build it a second time in another folder, and name each file that differs (exit 3)',
    }),
  },
  lock: 'checkout',
  // What is built is the same for every environment: none is locked.
  environments: () => [],
  async plan({ config, flags, signal }): Promise<BuildPlan> {
    const { commit, subject, dirty } = await readCheckout(config.root, signal);
    const version = flags.bump ? await planVersion(config, commit, flags.bump, signal) : null;
    return { commit, subject, dirty, version };
  },
  describe: ({ commit, subject, version }) => [
    `build ${commit.slice(0, 10)} (${subject})`,
    ...(version ? [`tag it ${version.tag}, after ${version.from ?? 'none'}; new in it:`, ...lines(version)] : []),
  ],
  steps(ctx, { commit, version }) {
    const { config, environment, flags, actor } = ctx;
    const store = artifactStore(config, environment);
    const built = artifactStep(ctx, commit, { mends: true });
    const again = defineStep<string[]>({
      name: 'build it again',
      run: ({ results, detail, signal, run }) =>
        differences(results.of(built), store, { config, environment, commit, run, signal, onLine: detail }),
    });
    const tagged = version && tagSteps({ root: config.root, commit, version, actor, built, store });
    const nodes = [built, ...(flags.twice ? [again] : []), ...(tagged?.nodes ?? [])];
    return { nodes, named: tagged?.named ?? built, again };
  },
  async outcome({ config, environment }, { dirty, version }, results, { named, again }) {
    const artifact = results.of(named);
    const differing = results.ifDone(again) ?? [];
    const store = artifactStore(config, environment);
    const packages = (JSON.parse(await store.bomOf(artifact)) as { components?: unknown[] }).components?.length ?? 0;
    const { commit, digest, files, bytes } = artifact;
    const size = `${(bytes / 2 ** 20).toFixed(0)} MiB in ${files} files, ${packages} packages`;
    return {
      verdict: `${commit.slice(0, 10)}${version ? `, ${version.tag},` : ''} is version ${artifact.version}: ${size}, in ${store.label}.`,
      data: { ...artifact, packages, store: store.label, differing, digest },
      findings: [
        ...(differing.length > 0 ? [notReproducible(differing)] : []),
        ...(dirty.length > 0 ? [notBuilt(dirty)] : []),
      ],
      next: command('release', { env: firstServed(config) }),
    };
  },
});

/** Where releases begin. */
function firstServed(config: LoadedConfig): string | undefined {
  const names = Object.keys(config.environments);
  return names.find((name) => environmentSettings(config, name).serves === 'validation') ?? names.at(-1);
}

function lines({ changelog }: VersionPlan): string[] {
  return changelog.split('\n').filter((line) => line.trim() !== '');
}

function notBuilt(dirty: string[]): Finding {
  const more = dirty.length > 3 ? ` and ${dirty.length - 3} more` : '';
  return {
    level: 'warn',
    code: 'CHECKOUT_DIRTY',
    message: `Not in it, for it is not in the commit: ${dirty.slice(0, 3).join(', ')}${more}.`,
  };
}

export default task;
await main(task, import.meta);

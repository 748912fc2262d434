#!/usr/bin/env node
import { command, defineChangeTask, defineStep, flag, main } from '@drydock/kit';
import { artifactNamed } from '../src/artifact/named.ts';
import { artifactStep } from '../src/artifact/step.ts';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
import { readCheckout } from '../src/checkout.ts';
import { type Image, makeImage } from '../src/image/image.ts';
import { pushImage, repositoryOf } from '../src/image/push.ts';

type ImagePlan = { artifact: Artifact | null; commit: string; repository: string | null };

const task = defineChangeTask({
  name: 'release:image',
  summary: 'Makes an OCI image of an artefact, without docker, and pushes it with --push.',
  description:
    'The artefact of the checked-out commit, or the one that --of names, with Node and the libraries that it loads, in a layout of\n' +
    '.drydock/images that skopeo, podman and docker read. The product runs as a user of its own, never as root; there is no shell in it.\n' +
    'The same artefact gives the same digest. A driver that wants images (swarm) does this by itself.',
  examples: ['npm run release:image', 'npm run release:image -- --of v1.4.0 --push'],
  flags: {
    of: flag.text({
      value: 'NAME',
      about: 'version, tag, digest or commit of an artefact (default: the checked-out commit)',
    }),
    push: flag.boolean({ about: 'push it to release.image.repository' }),
  },
  lock: 'checkout',
  environments: () => [],
  async plan({ config, environment, flags, signal }): Promise<ImagePlan> {
    const repository = flags.push ? repositoryOf(config) : null;
    const artifact = flags.of ? await artifactNamed(artifactStore(config, environment), flags.of) : null;
    const commit = artifact?.commit ?? (await readCheckout(config.root, signal)).commit;
    return { artifact, commit, repository };
  },
  describe: ({ artifact, commit, repository }) => [
    `make an image of ${artifact ? `version ${artifact.version}` : commit.slice(0, 10)}`,
    ...(repository ? [`push it to ${repository}`] : []),
  ],
  steps(ctx, { artifact, commit, repository }) {
    const { config, environment } = ctx;
    const built = artifact
      ? defineStep<Artifact>({ name: 'find the artefact', run: async () => artifact })
      : artifactStep(ctx, commit, { mends: true });
    const made = defineStep<Image>({
      name: 'make the image',
      run: ({ results, signal, detail }) =>
        makeImage({ config, environment, artifact: results.of(built), signal, onLine: detail }),
    });
    const pushed = defineStep<string>({
      name: `push it to ${repository}`,
      run: ({ results, signal }) =>
        pushImage(results.of(made), { config, environment, artifact: results.of(built), signal }),
    });
    return { nodes: [built, made, ...(repository ? [pushed] : [])], built, made, pushed };
  },
  outcome(_, __, results, { built, made, pushed }) {
    const { version } = results.of(built);
    const image = results.of(made);
    const reference = results.ifDone(pushed) ?? null;
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    return {
      verdict: `Version ${version} is ${reference ?? image.digest}: ${mib(image.unpacked)}, ${mib(image.bytes)} to pull, in ${image.folder}.`,
      data: { ...image, version, reference },
      next: reference
        ? command('release:manifests', { image: reference, operationsImage: '…' })
        : command('release:image', { of: version, push: true }),
    };
  },
});

export default task;
await main(task, import.meta);

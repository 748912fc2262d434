#!/usr/bin/env node
import {
  command,
  defineReadTask,
  type Finding,
  flag,
  hint,
  type Json,
  main,
  printFiles,
  usageError,
  written,
} from '@drydock/kit';
import { type ImageName, parseImage } from '../src/kubernetes/names.ts';

const TASK = 'release:manifests';
const PLACEHOLDER = 'CHANGE-ME';

const task = defineReadTask({
  name: TASK,
  summary: 'Prints what runs a version on Kubernetes: the product, its migrations, its network, backups and drills.',
  description:
    'Prints only, alone on stdout, for a file or a pipe; nothing here talks to a cluster. In the order in which they are applied: network\n' +
    'policies; a Job that runs db:deploy; Service, PodDisruptionBudget and a Deployment that never has a pod less than it should; CronJobs\n' +
    'for backup, pruning and drill. Variables of the product that are no secret stand in the Deployment, so that they go back with it;\n' +
    'all others come from a Secret, by name. release.kubernetes in drydock.config.ts sets replicas, port, resources and who may come in.',
  examples: [
    'npm run -s release:manifests -- --env production --image registry.example/shop:v12@sha256:… --operations-image IMAGE > production.yaml',
    'npm run -s release:manifests -- --env production --operations-image IMAGE --file migrate-production.yaml | kubectl apply -f -',
  ],
  flags: {
    image: flag.text({ value: 'IMAGE', about: 'of the product, by digest; with a tag, that is its version' }),
    operationsImage: flag.text({
      value: 'IMAGE',
      about: 'with the toolkit in its working directory, for migrations, backups and drills',
    }),
    file: flag.text({ value: 'NAME', about: 'print this one of several files alone' }),
  },
  writesDocument: () => true,
  async run({ config, environment, env, flags }) {
    const { writeManifests } = await import('../src/kubernetes/write.ts');
    const { remoteFindings } = await import('@drydock/backups/schedule');
    const image = imageOf('--image', flags.image);
    const operations = imageOf('--operations-image', flags.operationsImage);
    const { files, here, secret } = writeManifests({ config, environment, env, image, operations });
    const texts = written(files);
    return {
      verdict: `${texts.length} files of ${env} for Kubernetes; nothing was changed.`,
      data: { files: texts, secret } as unknown as Json,
      findings: [
        ...imageFindings('--image', image),
        ...imageFindings('--operations-image', operations),
        ...hereFindings(here),
        ...remoteFindings(config, 'kubernetes', { image: operations.text }),
      ],
      document: printFiles(texts, flags.file, TASK),
    };
  },
});

function imageOf(name: string, text = PLACEHOLDER.toLowerCase()): ImageName {
  const image = parseImage(text);
  if (image) return image;
  throw usageError(
    'IMAGE_MALFORMED',
    `${name} "${text}" is no name of an image.`,
    `For example: ${name} registry.example/shop:VERSION@sha256:… (64 hexadecimal digits)`,
  );
}

function imageFindings(name: string, { text, digest }: ImageName): Finding[] {
  if (text === PLACEHOLDER.toLowerCase())
    return [
      {
        level: 'warn',
        code: 'IMAGE_MISSING',
        message: `${name} is not given: "${text}" stands for it.`,
        hint: hint`Say which: ${command('release:manifests', { image: '…', operationsImage: '…' })}`,
      },
    ];
  if (digest) return [];
  return [
    {
      level: 'warn',
      code: 'IMAGE_NOT_BY_DIGEST',
      message: `${text} is named by a tag, which can be moved: two pods may then run two versions.`,
      hint: `Name it by what it is: ${name} ${text}@sha256:…`,
    },
  ];
}

function hereFindings(variables: string[]): Finding[] {
  if (variables.length === 0) return [];
  return [
    {
      level: 'warn',
      code: 'ADDRESS_OF_THIS_MACHINE',
      message: `${variables.join(', ')} ${variables.length === 1 ? 'leads' : 'lead'} to this machine, and in a pod to the pod itself.`,
      hint: hint`See where the values come from: ${command('env:check')}`,
    },
  ];
}

export default task;
await main(task, import.meta);

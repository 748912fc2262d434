import {
  defineSection,
  environmentName,
  type LoadedConfig,
  type OpsError,
  type SectionInput,
  type SectionOutput,
  usageError,
} from '@drydock/kit';
import { z } from 'zod';
import { appSchema } from './config/app.ts';
import { artifactSchema } from './config/artifact.ts';
import { checksShape } from './config/checks.ts';
import { documentsSchema } from './config/documents.ts';
import { imageSchema } from './config/image.ts';
import { kubernetesSchema } from './config/kubernetes.ts';
import { localSchema } from './config/local.ts';
import { maintenanceSchema } from './config/maintenance.ts';
import { proxySchema } from './config/proxy.ts';
import { smokeSchema } from './config/smoke.ts';
import { swarmSchema } from './config/swarm.ts';
import { versionSchema } from './config/version.ts';
import { watchSchema } from './config/watch.ts';

const command = z.array(z.string()).min(1);

const releaseSchema = z.strictObject({
  baseBranch: z
    .string()
    .optional()
    .describe('A release must contain the newest commit of this branch ("rebased on master").')
    .meta({ byItself: 'master, or where there is none the default branch of origin, or main' }),
  artifact: artifactSchema.prefault({}).describe('What a version is made of, and where it is kept.'),
  version: versionSchema.prefault({}).describe('How versions are named to people.'),
  image: imageSchema.prefault({}).describe('The artefact as an OCI image.'),
  driver: z
    .enum(['local', 'swarm'])
    .default('local')
    .describe('What runs versions: this machine, or the machines of a Docker Swarm. HAProxy is in front of both.'),
  app: appSchema.prefault({}).describe('How a version is started and ended.'),
  local: localSchema.prefault({}).describe('Versions as processes of this machine, kept by runit.'),
  swarm: swarmSchema.prefault({}).describe('Where versions run as services of a Docker Swarm.'),
  proxy: proxySchema.prefault({}).describe('HAProxy in front, reached through its runtime API.'),
  maintenance: maintenanceSchema.prefault({}).describe('What people get while the product is kept from them.'),
  smoke: smokeSchema.prefault({}).describe('What is asked of a new version before it gets traffic, and after.'),
  watch: watchSchema.prefault({}).describe('How a new version is watched once it takes the traffic.'),
  bakeSeconds: z
    .number()
    .int()
    .min(0)
    .default(600)
    .describe(
      'How long the version before stays up, warm, where customers are served: until then going back is a switch. `release:settle` ends it then.',
    ),
  ...checksShape,
  documents: documentsSchema.prefault({}).describe('Documents that docs:records writes from the record.'),
  flow: z
    .strictObject({
      command: command.describe('Its program and arguments.'),
      environments: z
        .array(environmentName)
        .optional()
        .describe('Where it runs, between the switch and the next environment.')
        .meta({ byItself: 'those that serve validation' }),
    })
    .optional()
    .describe("The product's own end-to-end flow; gets the environment's variables, exit 0 means it passed."),
  kubernetes: kubernetesSchema.prefault({}).describe('What release:manifests writes for a cluster.'),
});

export const releaseSection = defineSection({
  key: 'release',
  about:
    'What the artefact is made of, how it is started, and the proxy in front of it. Left out, the product is released elsewhere.',
  schema: releaseSchema,
  example: {
    baseBranch: 'main',
    artifact: {
      include: ['package.json', 'pnpm-lock.yaml', 'src'],
      build: [{ command: ['pnpm', 'install', '--frozen-lockfile', '--prod'] }],
      packages: ['.'],
      platform: 'linux-x64',
      store: { kind: 's3', prefix: 'shop', kmsKeyId: 'alias/artefacts', objectLockDays: 30 },
      signers: [
        { name: 'ci', key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx' },
        { name: 'release host', variable: 'ARTIFACT_SIGNER' },
      ],
    },
    image: {
      repository: 'registry.example/shop',
      node: '/opt/node-22/bin/node',
      base: 'registry.example/node@sha256:0000000000000000000000000000000000000000000000000000000000000000',
    },
    app: { command: ['node', 'src/server.ts'], node: '/opt/node-22/bin/node' },
    maintenance: { page: 'public/maintenance.html' },
    smoke: {
      pages: [{ path: '/' }, { path: '/jobs', status: 200, text: 'Jobs' }],
      command: ['npx', 'playwright', 'test', 'e2e/smoke.spec.ts'],
    },
    watch: { seconds: 30, environments: ['staging', 'production'] },
    ci: { repository: 'acme/shop', checks: ['test'] },
    freeze: [
      { from: '2026-12-20', to: '2027-01-03T12:00', reason: 'the holidays' },
      { days: ['fri'], hours: '16:00-24:00', environments: ['production'], reason: 'the weekend' },
    ],
    checklist: { secretDays: 90, environments: ['production'] },
    hotfix: { advisory: 'github', package: 'shop' },
    flow: { command: ['node', 'e2e/flow.ts'], environments: ['staging'] },
    kubernetes: {
      livePath: '/livez',
      secret: 'shop-secrets',
      variables: { HOST: '0.0.0.0' },
      from: [{ namespace: { 'kubernetes.io/metadata.name': 'ingress' }, pods: { app: 'nginx' } }],
    },
  },
  optional: true,
  operators: ({ proxy, local, swarm, artifact, image }) => [
    proxy.socket,
    proxy.stateFile,
    local.folder,
    swarm.engine,
    swarm.certificates,
    artifact.signingKey,
    ...(artifact.store?.kind === 'registry' ? [artifact.store.user, artifact.store.password] : []),
    image.user,
    image.password,
    ...artifact.signers.flatMap((signer) => ('variable' in signer ? [signer.variable] : [])),
  ],
});

declare module '@drydock/kit' {
  interface ConfigSections {
    release?: SectionInput<typeof releaseSection>;
  }
}

export type ReleaseConfig = SectionOutput<typeof releaseSection>;

/** The product's release section, or a usage error that says where it belongs. */
export function releaseConfig(config: LoadedConfig): ReleaseConfig {
  const release = releaseSection.of(config);
  if (release) return release;
  throw releaseNotConfigured(config);
}

export function releaseNotConfigured({ file }: LoadedConfig): OpsError {
  return usageError(
    'RELEASE_NOT_CONFIGURED',
    `${file} has no "release" section.`,
    'Add one. Where the product is built by its lockfile and started by npm start, it may be empty: release: {}',
  );
}

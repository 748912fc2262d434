import { backupsSection } from '@drydock/backups';
import { cronJobs, jobsOf, needsOf } from '@drydock/backups/schedule';
import { configFile, type Environment, type EnvName, homeOf, type LoadedConfig, type PrintedFile } from '@drydock/kit';
import { Document } from 'yaml';
import { releaseConfig } from '../config.ts';
import { readyPathOf } from '../ready-path.ts';
import { migration } from './migrate.ts';
import { type ImageName, namesOf } from './names.ts';
import { jobPolicy, productPolicy } from './network.ts';
import { deployment, disruptionBudget, service } from './product.ts';
import { podVariables, portsOf } from './variables.ts';

export interface Writing {
  config: LoadedConfig;
  environment: Environment;
  env: EnvName;
  /** Of the product, and of the toolkit. */
  image: ImageName;
  operations: ImageName;
}

export interface Written {
  /** In the order in which they are applied. */
  files: PrintedFile[];
  /** Variables that lead to the machine that wrote this. */
  here: string[];
  /** The Secret, and what it must hold. */
  secret: { name: string; variables: string[] };
}

/** Everything that one environment needs on a cluster. */
export function writeManifests({ config, environment, env, image, operations }: Writing): Written {
  const release = releaseConfig(config);
  const names = namesOf(config.product, env);
  const secretName = release.kubernetes.secret ?? names.instance;
  const {
    env: variables,
    secret,
    here,
  } = podVariables(config, environment, {
    own: release.kubernetes.variables,
    secretName,
  });
  const product = { names, image, release, readyPath: readyPathOf(config, environment, release), env: variables };
  const file = configFile(config, homeOf(config));
  const jobs = jobsOf(config, env, file);
  const migrate = migration({ config, env, names, image: operations }, file);
  const operators = [...new Set([...migrate.variables, ...jobs.flatMap((job) => job.variables)])];
  const ports = portsOf(config, environment, operators);
  const { timeZone, marginMinutes: margin, maxMinutes: max } = backupsSection.of(config).schedule;
  const reached = [
    ...release.kubernetes.ports,
    ...portsOf(
      config,
      environment,
      variables.map(({ name }) => name),
    ),
  ];
  const policies = [
    migrate,
    ...jobs.map(({ name, kind }) => ({
      name,
      labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': kind },
    })),
  ].map((job) => jobPolicy(names, job, ports));
  return {
    files: [
      yaml(`network-${env}.yaml`, [
        [
          productPolicy(
            names,
            release,
            [...new Set(reached)].sort((a, b) => a - b),
          ),
          ' Obeyed where the network of the cluster knows policies.',
        ],
        ...policies.map((policy): Commented => [policy]),
      ]),
      yaml(`migrate-${env}.yaml`, [[migrate.job, needsOf(migrate)]]),
      yaml(`product-${env}.yaml`, [
        [service(product)],
        [disruptionBudget(product)],
        [deployment(product), secretComment(secretName, secret)],
      ]),
      cronJobs(jobs, { env, image: operations.text, timeZone, margin, max }),
    ].map(({ path, lines }) => ({ path, lines: ['---', ...lines] })),
    here,
    secret: { name: secretName, variables: secret },
  };
}

type Commented = [document: object, comment?: string];

function yaml(path: string, documents: Commented[]): PrintedFile {
  const texts = documents.map(([content, comment]) => {
    const document = new Document(content, { aliasDuplicateObjects: false });
    if (comment) document.commentBefore = comment;
    return document.toString({ lineWidth: 0 });
  });
  return { path, lines: texts.join('---\n').split('\n') };
}

function secretComment(name: string, variables: string[]): string {
  if (variables.length === 0) return ' It needs no secret.';
  return ` The secret holds ${variables.join(', ')}:
 kubectl create secret generic ${name} --from-env-file=FILE`;
}

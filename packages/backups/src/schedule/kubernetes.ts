import { INSTALLED, type PrintedFile } from '@drydock/kit';
import { Document } from 'yaml';
import type { Job } from './jobs.ts';

export interface KubernetesPlace {
  env: string;
  image: string;
  timeZone: string;
  /** Minutes. */
  margin: number;
  max: number;
}

/** A CronJob each, as the "restricted" standard for pods wants them. */
export function cronJobs(jobs: Job[], place: KubernetesPlace): PrintedFile {
  const documents = jobs.map((job) => {
    const document = new Document(cronJob(job, place), { aliasDuplicateObjects: false });
    document.commentBefore = needsOf(job);
    return document.toString({ lineWidth: 0 });
  });
  return { path: `backups-${place.env}.yaml`, lines: documents.join('---\n').split('\n') };
}

/** What must be there before, as a comment. */
export function needsOf({ name, variables }: Pick<Job, 'name' | 'variables'>): string {
  const held = INSTALLED ? 'the product, with Drydock among its packages,' : 'the toolkit';
  return ` The image holds ${held} in its working directory, Node 24 and PostgreSQL's client. The secret holds
 ${variables.join(', ')}:
 kubectl create secret generic ${name} --from-env-file=FILE
 where FILE has a NAME=value a line, without quotes: kubectl takes them for a part of the value.`;
}

/** A pod that works for operators, with variables of its own. */
export function operationsPod({
  container,
  image,
  command,
  secret,
}: {
  container: string;
  image: string;
  command: string[];
  secret: string;
}) {
  return {
    restartPolicy: 'Never' as const,
    automountServiceAccountToken: false,
    // Addresses of services come as variables that could pass for the product's.
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' as const } },
    containers: [
      {
        name: container,
        image,
        command,
        envFrom: [{ secretRef: { name: secret } }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
}

function cronJob(
  { kind, name, about, cron, command }: Job,
  { env, image, timeZone, margin, max }: KubernetesPlace,
): object {
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': kind };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name, labels, annotations: { description: `${about} of ${env}` } },
    spec: {
      schedule: cron,
      timeZone,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: margin * 60,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        spec: {
          // A node that went away is worth another try; a drill costs too much to be repeated unseen.
          backoffLimit: kind === 'drill' || kind === 'check' ? 0 : 1,
          activeDeadlineSeconds: max * 60,
          template: { metadata: { labels }, spec: operationsPod({ container: kind, image, command, secret: name }) },
        },
      },
    },
  };
}

import { z } from 'zod';

const QUANTITY = /^\d+(\.\d+)?(m|k|Ki|Mi|Gi|Ti|M|G|T)?$/;
const quantity = z.string().regex(QUANTITY, 'must be a quantity of Kubernetes, such as 250m or 256Mi');
const labels = z.record(z.string(), z.string());

/** What release:manifests cannot know from the rest of the config. Nothing of it is needed to begin. */
export const kubernetesSchema = z.strictObject({
  replicas: z.number().int().min(1).default(2).describe('Pods of the product.'),
  port: z.number().int().min(1).max(65_535).default(8_080).describe('Where the product listens in its pod.'),
  resources: z
    .strictObject({
      cpu: quantity.default('250m').describe('What a pod asks for; there is no limit, which would only slow it down.'),
      memory: quantity.default('256Mi').describe('What a pod asks for.'),
      memoryLimit: quantity.default('512Mi').describe('Beyond this a pod is ended.'),
    })
    .prefault({})
    .describe('Of each pod of the product.'),
  livePath: z
    .string()
    .startsWith('/', 'must begin with /')
    .optional()
    .describe('Answers 200 as long as the process is worth keeping, whatever else is down.')
    .meta({ byItself: 'the port alone is asked' }),
  user: z
    .number()
    .int()
    .min(1)
    .default(10_001)
    .describe("Numeric id of the user that the product's process runs as; never root."),
  writable: z
    .array(z.string().startsWith('/', 'must be a whole path, from / on'))
    .default(['/tmp'])
    .describe('Folders that the product may write, empty in each new pod; the rest of its disk is read-only.'),
  variables: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE'), z.string())
    .default({})
    .describe(
      'Set in the pod whatever the environment says; no secrets. A product that listens on this machine alone is told here to listen everywhere.',
    ),
  secret: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]*$/, 'must be a name of Kubernetes: a-z, 0-9, - and .')
    .optional()
    .describe("The Secret with the product's secret variables.")
    .meta({ byItself: 'PRODUCT-ENVIRONMENT' }),
  from: z
    .array(
      z.strictObject({
        namespace: labels.optional().describe('Labels of namespaces.'),
        pods: labels.optional().describe('Labels of pods; without `namespace`, of those in the same one.'),
      }),
    )
    .default([])
    .describe('Who may reach the product, e.g. the ingress controller; left out, every pod of the cluster.'),
  ports: z
    .array(z.number().int().min(1).max(65_535))
    .default([])
    .describe('TCP ports that the product reaches, besides 443 and those in its variables.'),
});

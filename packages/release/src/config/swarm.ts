import { z } from 'zod';

const port = z.int().min(1).max(65_535);

/** Where a version runs as services of a Docker Swarm. */
export const swarmSchema = z.strictObject({
  engine: z
    .string()
    .default('DOCKER_HOST')
    .describe(
      'Variable with the address of the engine of a manager: `unix:///path`, `tcp://host:port` or `ssh://user@host`. Not set: the engine of this machine.',
    ),
  certificates: z
    .string()
    .default('DOCKER_CERT_PATH')
    .describe('Variable with the folder of ca.pem, cert.pem and key.pem, for an engine behind TLS.'),
  instances: z.int().min(1).default(2).describe('Instances of a version, each on a machine of its own.'),
  firstPort: port
    .default(8081)
    .describe(
      'Where instances listen on their machines: the first environment of the config here and on the next port (its two slots), the second on the two after them; behind those of all, one for each, while a rotation starts it again.',
    ),
  environment: z
    .record(z.string(), z.string())
    .default({ HOST: '0.0.0.0' })
    .describe('Variables that instances get beside those of the environment: the proxy reaches them from elsewhere.'),
  constraints: z
    .array(z.string())
    .default([])
    .describe('Machines that take instances, as Swarm says it: `node.labels.web==true`.'),
  pullTimeoutMs: z
    .int()
    .positive()
    .default(300_000)
    .describe('Longest wait for machines to fetch an image; the wait for readiness begins after it.'),
});

import { z } from 'zod';

/** The artefact as an OCI image. */
export const imageSchema = z.strictObject({
  repository: z
    .string()
    .regex(
      /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/,
      'must be like registry.example/shop, without tag or digest',
    )
    .optional()
    .describe('Where images are pushed to: registry and name.'),
  insecure: z
    .boolean()
    .default(false)
    .describe('The registry speaks plain HTTP, or with a certificate that nobody signed.'),
  user: z
    .string()
    .default('REGISTRY_USER')
    .describe('Variable with the name that the registry knows us by; without it we come as nobody.'),
  password: z
    .string()
    .default('REGISTRY_PASSWORD')
    .describe('Variable with the password, or token, that goes with it.'),
  node: z
    .string()
    .optional()
    .describe('Path of the Node that is put into the image.')
    .meta({ byItself: 'the Node of the toolkit' }),
  base: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, 'must be pinned by digest: registry.example/node@sha256:…')
    .optional()
    .describe('An image that brings Node and what it needs, instead of those of the machine that builds.'),
  uid: z
    .number()
    .int()
    .min(1)
    .max(65_533)
    .default(10_001)
    .describe('User and group that the product runs as: never root.'),
});

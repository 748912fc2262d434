import { storeSchema } from '@drydock/backups';
import { z } from 'zod';

const command = z.array(z.string()).min(1);

/** Who may make artefacts: an SSH public key, or the variable that holds it. */
const signerSchema = z.union([
  z.strictObject({
    name: z.string().min(1).describe('What it is called in findings.'),
    key: z
      .string()
      .regex(/^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/]+=*/, 'is no public key of SSH: ssh-ed25519 AAAA…')
      .describe('Its public key, as it stands in a .pub file.'),
  }),
  z.strictObject({
    name: z.string().min(1).describe('What it is called in findings.'),
    variable: z.string().describe('Variable with its public key, instead of `key`.'),
  }),
]);

/** Artefacts as OCI artefacts of a registry, each tagged by its digest. */
const registryStoreSchema = z.strictObject({
  kind: z
    .literal('registry')
    .describe('`file`: a folder. `s3`: a bucket. `registry`: a repository of an OCI registry.'),
  repository: z
    .string()
    .regex(/^[^/\s]+\/[a-z0-9._/-]+$/, 'must be like registry.example/shop-artefacts')
    .describe('Where artefacts are pushed to: one of their own, not that of the images.')
    .meta({ examples: ['registry.example/shop-artefacts'] }),
  user: z.string().default('REGISTRY_USER').describe('Variable with the name that the registry knows us by.'),
  password: z.string().default('REGISTRY_PASSWORD').describe('Variable with its password, or a token.'),
  insecure: z.boolean().default(false).describe('The registry speaks plain HTTP.'),
});

/** What a version is made of, and where it is kept. */
export const artifactSchema = z.strictObject({
  include: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Git pathspecs that make up the artefact.')
    .meta({ byItself: 'all that the commit has below the config' }),
  build: z
    .array(
      z.strictObject({
        command: command.describe('Program and arguments.'),
        cwd: z.enum(['artifact', 'checkout']).default('artifact').describe('Where it runs.'),
      }),
    )
    .optional()
    .describe(
      "Run in order, in the exported tree or in the checkout; `{artifact}` stands for the exported tree's folder. Left out together with `include`, it follows from the commit: packages by its lockfile, Prisma's client, the script `build`, and development's packages taken out again.",
    )
    .meta({ byItself: 'nothing where `include` is given, else by the commit' }),
  packages: z
    .array(z.string())
    .optional()
    .describe(
      'Folders of the packages that run. What none of them asks for, itself or through others, is taken out of node_modules.',
    )
    .meta({ byItself: 'every folder with a package.json that is included' }),
  dependencies: z
    .enum(['asked-for', 'installed', 'production'])
    .optional()
    .describe(
      '`installed`: all that the build put into node_modules stays, optional peers of the workspace included. `production`: what the product asks for in devDependencies goes as well.',
    )
    .meta({ byItself: '`production` where `build` follows from the commit, else `asked-for`' }),
  exclude: z
    .array(z.string())
    .default([])
    .describe('Globs, taken out once it is built: what the product does not need to run.'),
  platform: z
    .string()
    .regex(/^[a-z]+\d*-[a-z0-9]+$/, 'must be like linux-x64')
    .optional()
    .describe('What versions run on. A build elsewhere is refused: compiled dependencies would be the wrong ones.')
    .meta({ byItself: 'that of the machine that builds' }),
  store: z
    .discriminatedUnion('kind', [...storeSchema.options, registryStoreSchema])
    .optional()
    .describe('Where artefacts are kept, below `artifacts/`.')
    .meta({ byItself: 'the stores of the backups' }),
  keep: z
    .number()
    .int()
    .min(1)
    .default(2)
    .describe('How many earlier artefacts stay for a rollback (runbook section 2: the last two).'),
  graceHours: z
    .number()
    .min(0)
    .default(24)
    .describe('One that is younger stays too: somebody may be about to release it.'),
  signingKey: z
    .string()
    .default('ARTIFACT_SIGNING_KEY')
    .describe(
      'Variable with the SSH private key that signs records, or the path of its file; only where artefacts are built.',
    ),
  signers: z
    .array(signerSchema)
    .refine((signers) => new Set(signers.map(({ name }) => name)).size === signers.length, 'two signers have one name')
    .default([])
    .describe(
      'Whose artefacts may be released. With none, a signature is made where there is a key, and asked for nowhere.',
    ),
});

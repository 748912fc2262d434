import { defineSection, type LoadedConfig, type SectionInput, type SectionOutput, usageError } from '@drydock/kit';
import { z } from 'zod';
import { kindsOf, operatorsOf, secretSchema } from './config/rotate.ts';
import { storesSchema } from './config/stores.ts';
import { teamSchema } from './config/team.ts';

// As it is typed after secrets:rotate.
const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and dashes');

export const secretsSection = defineSection({
  key: 'secrets',
  about: 'Secrets under rotation, where they are kept, and who of the team can open them.',
  schema: z.strictObject({
    rotate: z.record(name, secretSchema).default({}).describe('Each secret by the name that people type.'),
    stores: storesSchema,
    team: teamSchema.prefault({}).describe('Who can open what is kept encrypted: pending values, values at rest.'),
    redeploy: z
      .strictObject({
        command: z.array(z.string()).min(1).describe('Program and arguments.'),
        timeoutMs: z.number().int().positive().default(600_000).describe('How long it may take.'),
      })
      .optional()
      .describe(
        'Where the product is not released by Drydock: starts every instance again with the environment as it is then, one after the other.',
      ),
  }),
  example: {
    rotate: {
      'mail-key': {
        kind: 'generic',
        variable: 'MAIL_API_KEY',
        validate: { command: ['node', 'scripts/try-mail.mjs'] },
      },
      database: {
        kind: 'postgres',
        variable: 'DATABASE_URL',
        also: ['DIRECT_URL'],
        owner: 'shop',
        logins: ['shop_a', 'shop_b'],
        rotator: 'ROTATOR_DATABASE_URL',
        pooler: ['ssh', 'pooler.internal', 'add-login'],
      },
      cache: {
        kind: 'redis',
        nodes: 3,
        tls: { ca: 'tls/redis-ca.pem', cert: 'tls/operator.pem', key: 'tls/operator.key' },
      },
      'tokens-of-partners': {
        kind: 'jwt',
        variable: 'PARTNER_TOKEN_KEYS',
        alg: 'ES256',
        lifetimeSeconds: 3_600,
        lifetimeVariable: 'PARTNER_TOKEN_LIFETIME',
        claims: { iss: 'https://shop.example', aud: 'partners' },
        probe: {
          path: '/partners/whoami',
          field: 'token',
          subject: '00000000-0000-0000-0000-000000000000',
          accepted: 'no such partner',
        },
        metrics: { path: '/internal/metrics', token: 'METRICS_TOKEN', labels: { ring: 'partners' } },
      },
      sentry: { kind: 'sentry', organization: 'acme', project: 'shop-{env}', url: 'https://sentry.acme.example' },
      posthog: { kind: 'posthog', url: 'https://posthog.acme.example' },
    },
    stores: {
      vault: {
        kind: 'command',
        read: ['pass', 'show', 'shop/{env}/{variable}'],
        write: ['pass', 'insert', '--multiline', '--force', 'shop/{env}/{variable}'],
        remove: ['pass', 'rm', '--force', 'shop/{env}/{variable}'],
        check: ['pass', 'ls', 'shop'],
        missing: 'is not in the password store',
      },
      aws: {
        kind: 'aws',
        secretId: 'shop/{env}',
        region: 'eu-central-1',
        endpoint: 'https://secretsmanager.eu-central-1.amazonaws.com',
      },
    },
    team: {
      recipients: [
        {
          name: 'ada',
          recipient: 'age1d06q539n9rj0lwwwkfu3h8xhtxq0uvxr6l7fktf6t0f3h9u95yyqflx3vw',
          environments: ['staging', 'production'],
        },
      ],
    },
    redeploy: { command: ['kubectl', 'rollout', 'restart', 'deployment/shop'] },
  },
  optional: true,
  operators: ({ team, rotate }) => [team.identity, ...Object.values(rotate).flatMap(operatorsOf)],
  kinds: ({ rotate }) => Object.assign({}, ...Object.values(rotate).map(kindsOf)),
});

declare module '@drydock/kit' {
  interface ConfigSections {
    secrets?: SectionInput<typeof secretsSection>;
  }
}

export type SecretsConfig = SectionOutput<typeof secretsSection>;

/** The product's secrets section, or a usage error that says where it belongs. */
export function secretsConfig(config: LoadedConfig): SecretsConfig {
  const secrets = secretsSection.of(config);
  if (secrets) return secrets;
  throw usageError(
    'SECRETS_NOT_CONFIGURED',
    `${config.file} has no "secrets" section.`,
    "Add one that names what is to be rotated: secrets: { rotate: { 'jwt-access': { kind: 'jwt', … } } }",
  );
}

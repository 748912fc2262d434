import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const path = z.string().startsWith('/', 'must be a path, as /api/me');
const seconds = z.number().int().min(0);
const NOBODY = 'nobody-drydock-asks';

const probe = z.strictObject({
  path: path.default('/api/me').describe('What a signed-in person asks for.'),
  field: z
    .string()
    .optional()
    .describe('The token goes in this field of a JSON body, by POST. Without that, as bearer token of a GET.'),
  subject: z.string().default(NOBODY).describe('A user that there is not, in the form that your users have (`sub`).'),
  accepted: z
    .string()
    .min(1)
    .default('ACCOUNT_GONE')
    .describe(
      'What the answer holds where the signature was right and there is no such user. A status of 2xx is a yes as well.',
    ),
});

const metrics = z.strictObject({
  path: path.default('/metrics').describe("Where each instance tells it, in Prometheus' text format."),
  token: z
    .string()
    .nullable()
    .default(null)
    .describe('Variable with a bearer token for the metrics; null where they need none.'),
  verified: z.string().default('tokens_verified_total').describe('Counter of the tokens that were verified.'),
  lastVerified: z
    .string()
    .nullable()
    .default('token_last_verified_timestamp_seconds')
    .describe('When the last one was, as a Unix time; null where there is no such gauge.'),
  kid: z.string().default('kid').describe('Label with the name of the key.'),
  labels: z.record(z.string(), z.string()).default({}).describe('Other labels that they have for this ring.'),
});

export const jwtSecret = z
  .strictObject({
    kind: z.literal('jwt'),
    variable: z
      .string()
      .describe(
        'The ring: `kid:private.PKCS8`, `kid:public.SPKI`, `kid:SECRET` of HS256, separated by commas; the first signs.',
      ),
    alg: z.enum(['EdDSA', 'ES256']).default('EdDSA').describe('Of the keys that are made.'),
    lifetimeSeconds: seconds.describe('How long its tokens live at the longest.'),
    lifetimeVariable: z
      .string()
      .optional()
      .describe('Variable that tells the product so (`15m`, `14d`); where it is set it is taken instead.'),
    marginSeconds: seconds.min(2).default(60).describe('For clocks that differ.'),
    verifierCacheSeconds: seconds
      .default(630)
      .describe(
        'For how long others that verify may keep the public keys: so long a key is known before it signs. The default is that of jose: 600, and 30 between two looks.',
      ),
    claims: z
      .record(z.string(), z.json())
      .default({})
      .describe('What tokens of this ring say beside subject and times.'),
    probe: probe.prefault({}).describe('How each instance is asked whether it takes a token, without a user.'),
    jwks: path
      .nullable()
      .default('/.well-known/jwks.json')
      .describe('Where the product publishes its public keys; null for a ring of which it publishes none.'),
    metrics: metrics
      .nullable()
      .prefault({})
      .describe('How each instance tells which keys are in use; null where it does not: only time tells then.'),
    ...commonShape,
  })
  .describe('A ring of keys that sign tokens.');
export type JwtSecret = z.output<typeof jwtSecret>;

/** Nobody keeps what is not published. */
export function cacheSecondsOf({ jwks, verifierCacheSeconds }: JwtSecret): number {
  return jwks === null ? 0 : verifierCacheSeconds;
}

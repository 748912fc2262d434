import { backupIdentitySubject, backupSignerSubject } from './backups.ts';
import { escrowSubject } from './escrow.ts';
import { genericSubject } from './generic.ts';
import { jwtSubject } from './jwt.ts';
import { postgresSubject } from './postgres.ts';
import { redisSubject } from './redis.ts';
import { s3Subject } from './s3.ts';
import { postHogFlagsSubject, postHogSubject, sentrySubject } from './sink.ts';
import type { Subject } from './team.ts';
import { tokenSubject } from './token.ts';

/** Each kind, with a database that is its own. */
export const SUBJECTS: Record<string, (databaseUrl: string) => Subject | Promise<Subject>> = {
  generic: genericSubject,
  token: tokenSubject,
  postgres: postgresSubject,
  redis: redisSubject,
  s3: s3Subject,
  posthog: postHogSubject,
  'posthog-flags': postHogFlagsSubject,
  sentry: sentrySubject,
  jwt: jwtSubject,
  'escrow-admin': escrowSubject,
  'backup-identity': backupIdentitySubject,
  'backup-signer': backupSignerSubject,
};

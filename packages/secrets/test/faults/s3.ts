import { startIam } from '../s3/stand-in.ts';
import type { Subject } from './team.ts';

const OWN = { id: 'AKIAFIRST', secret: 'a-secret-of-the-first-key' };

/** A user of IAM with one access key, and a bucket that knows its keys. */
export async function s3Subject(databaseUrl: string): Promise<Subject> {
  const iam = await startIam(OWN);
  return {
    secret: {
      ...{ kind: 's3', pathStyle: true, prefix: 'shop', spreadSeconds: 0 },
      issuer: { by: 'iam', quietSeconds: 0 },
    },
    databaseUrl,
    env: {
      S3_ACCESS_KEY_ID: OWN.id,
      S3_SECRET_ACCESS_KEY: OWN.secret,
      BACKUP_BUCKET: 'backups',
      S3_ENDPOINT: iam.url,
      AWS_ENDPOINT_URL_IAM: iam.url,
    },
    variables: ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
    works: async ({ S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY }) => {
      const key = iam.keys.get(S3_ACCESS_KEY_ID);
      return key?.active === true && key.secret === S3_SECRET_ACCESS_KEY;
    },
    live: async (now) => ({
      keys: [...iam.keys.keys()].map((id) => (id === now.S3_ACCESS_KEY_ID ? 'the one of now' : 'another')),
      objects: iam.objects.size,
    }),
    stop: async () => iam.stop(),
  };
}

import { z } from 'zod';
import { genericSecret } from '../rotators/generic/config.ts';
import { tokenSecret } from '../rotators/token/config.ts';

/** One secret under rotation, by its kind. A kind has its schema beside its code, and a line here and in rotators/all.ts. */
export const secretSchema = z.discriminatedUnion('kind', [genericSecret, tokenSecret]);
export type SecretConfig = z.output<typeof secretSchema>;
export type Kind = SecretConfig['kind'];

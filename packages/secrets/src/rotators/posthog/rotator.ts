import type { OpenRotator } from '../types.ts';
import type { PostHogSecret } from './config.ts';
import { projectKeyRotator } from './project.ts';
import { secretKeyRotator } from './secret.ts';

export const postHogRotator: OpenRotator<PostHogSecret> = (ctx) =>
  ctx.secret.key === 'project' ? projectKeyRotator(ctx) : secretKeyRotator(ctx);

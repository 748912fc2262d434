import { z } from 'zod';
import { text } from '../input.ts';

const newMilestone = z.object({
  title: text(1, 120),
  amount: z.string().regex(/^[1-9]\d{0,30}$/, 'must be a whole number of wei, as text'),
});
export const newJob = z.object({
  title: text(3, 120),
  description: text(1, 10_000),
  milestones: z.array(newMilestone).min(1, 'must have at least one').max(20, 'must be at most 20'),
});
export const newApplication = z.object({ coverLetter: text(1, 5_000) });
export const newReview = z.object({
  rating: z.coerce
    .number('must be a number')
    .int('must be whole')
    .min(1, 'must be 1 at least')
    .max(5, 'must be 5 at most'),
  comment: text(1, 2_000),
});

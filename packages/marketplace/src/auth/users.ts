import { hash, verify } from '@node-rs/argon2';
import { getAddress, isAddress } from 'viem';
import { z } from 'zod';
import { conflict, ProductError } from '../errors.ts';
import { newId } from '../id.ts';
import { text } from '../input.ts';
import type { Services } from '../services.ts';

export const registration = z.object({
  email: z.email('must be an e-mail address').transform((email) => email.toLowerCase()),
  password: z.string().min(10, 'must have at least 10 characters').max(200, 'must have at most 200 characters'),
  displayName: text(1, 80),
  // Strict: a mixed-case address whose checksum (EIP-55) is wrong has a typing error in it.
  wallet: z
    .string()
    .refine((address) => isAddress(address), 'must be a wallet address with a right checksum')
    .transform((address) => getAddress(address)),
});
export const credentials = z.object({
  email: text(1, 320).transform((email) => email.toLowerCase()),
  password: z.string(),
});

export interface PublicUser {
  id: string;
  email: string;
  displayName: string;
  wallet: string;
}

export async function register({ db }: Services, input: z.output<typeof registration>): Promise<PublicUser> {
  const { password, ...rest } = input;
  const taken = await db.user.findFirst({
    where: { OR: [{ email: rest.email }, { wallet: rest.wallet }] },
    select: { id: true },
  });
  if (taken) throw conflict('This e-mail address or wallet is registered already.');
  return publicUser(await db.user.create({ data: { id: newId(), ...rest, passwordHash: await hash(password) } }));
}

export async function signIn({ db }: Services, { email, password }: z.output<typeof credentials>): Promise<PublicUser> {
  const user = await db.user.findUnique({ where: { email } });
  // The same work for an unknown address, so that the time does not tell who is registered.
  const right = await verify(user?.passwordHash ?? (await dummyHash()), password);
  if (!user || !right) throw new ProductError(401, 'BAD_CREDENTIALS', 'E-mail address or password is wrong.');
  return publicUser(user);
}

export async function findUser({ db }: Services, id: string): Promise<PublicUser> {
  const user = await db.user.findUnique({ where: { id } });
  if (!user) throw new ProductError(401, 'ACCOUNT_GONE', 'Sign in first; this account is gone.');
  return publicUser(user);
}

function publicUser({ id, email, displayName, wallet }: PublicUser): PublicUser {
  return { id, email, displayName, wallet };
}

let dummy: Promise<string> | undefined;
function dummyHash(): Promise<string> {
  dummy ??= hash('nobody has this password');
  return dummy;
}

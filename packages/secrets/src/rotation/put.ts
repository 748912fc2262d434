import { OpsError } from '@drydock/kit';
import { sealAnew } from '../at-rest/anew.ts';
import { type Fingerprints, fingerprintsOf, sameValues, type Values } from '../values.ts';
import type { Rotating } from './rotating.ts';
import { tryCommand } from './try.ts';

/** Into every store, read back, sealed anew where an env file is kept at rest, and from there on in the environment of this run. */
export async function putValues(r: Rotating, values: Values): Promise<void> {
  const variables = Object.keys(values);
  if (variables.length === 0) return;
  for (const store of r.stores) {
    if (sameValues(fingerprintsOf(await store.read(variables)), fingerprintsOf(values))) continue;
    await store.write(values);
    if (!sameValues(fingerprintsOf(await store.read(variables)), fingerprintsOf(values)))
      throw new OpsError({
        code: 'STORE_KEPT_OTHERWISE',
        message: `${store.label} does not hold what was written to it (${variables.join(', ')}).`,
        hint: 'Does somebody else write there at the same time?',
      });
  }
  r.environment.reread();
  const { sealed, left } = await sealAnew(r, values);
  for (const name of sealed) r.onLine(`${name} is sealed anew`);
  for (const name of left)
    r.onLine(`${name} keeps the old value: somebody else has sealed it since, and no key here opens it`);
}

/** Every instance runs with what the stores hold. Returns what was done, for the journal. */
export async function redeploy(
  r: Rotating,
  variables: readonly string[],
  validate: (address?: string) => Promise<void>,
): Promise<string> {
  if (variables.length === 0) return 'the product does not have it';
  const what = await r.product.describe();
  if (what === undefined) {
    r.onLine(
      'nothing runs here that Drydock has started: start the product again by hand now, one instance after the other',
    );
    await validate();
    return 'nothing runs there that was released from here';
  }
  const expected = fingerprintsOf(await readStores(r, variables));
  await r.product.redeploy({
    signal: r.signal,
    onLine: r.onLine,
    each: async ({ name, address }) => {
      r.onLine(`${name} is healthy again`);
      await validate(address);
    },
  });
  await refuseOthers(r, expected);
  return `${what}, one after the other`;
}

/** A new value that was given to something else than what serves is found here, before the old one is ended. */
async function refuseOthers(r: Rotating, expected: Fingerprints): Promise<void> {
  const others = (await r.product.uses(Object.keys(expected))).filter(
    ({ uses }) => uses && !sameValues(uses, expected),
  );
  if (others.length === 0) return;
  throw new OpsError({
    code: 'INSTANCE_WITH_ANOTHER_VALUE',
    message: `${others.map(({ instance, host }) => `${instance} on ${host}`).join(', ')} ${others.length === 1 ? 'runs' : 'run'} with another value of ${r.name} than the one that was deployed.`,
    hint: 'Was it started by something else, or with a value of its own (release.app.inherit, the shell)?',
  });
}

export async function readStores({ stores }: Rotating, variables: readonly string[]): Promise<Values> {
  return (await stores[0]?.read(variables)) ?? {};
}

/** The product's own targeted call, where the config has one. */
export async function validateByCommand(r: Rotating): Promise<string | undefined> {
  if (!r.secret.validate) return undefined;
  await tryCommand(r, r.secret.validate);
  return r.secret.validate.command.join(' ');
}

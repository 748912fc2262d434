// Uses Chromium, and the product on PostgreSQL, Redis and anvil: the runbook's flow (section 2, step 7) by hand.
import { expect, type Page, test } from '@playwright/test';
import { at, person } from './people.ts';

/** Loads the page again until what happens on the chain shows. */
async function shows(page: Page, text: RegExp | string): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.getByText(text)).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 30_000 });
}

test('register, post, apply, accept, escrow, release, review and certificate, all through pages', async ({
  browser,
}) => {
  const [client, freelancer] = [await person(browser, 'Grace'), await person(browser, 'Linus')];
  await client.goto(at('/jobs/new'));
  await client.getByLabel('Title').fill('Step the mast');
  await client.getByLabel('Description').fill('Mind the shrouds.');
  await client.getByLabel('Milestone 1').fill('Crane');
  await client.getByLabel('Amount').first().fill('0.1');
  await client.getByRole('button', { name: 'Post the job' }).click();
  await expect(client.getByRole('heading', { name: 'Step the mast' })).toBeVisible();

  await freelancer.goto(client.url());
  await freelancer.getByLabel('Why you?').fill('I have stepped many.');
  await freelancer.getByRole('button', { name: 'Apply' }).click();
  await expect(freelancer.getByText('You have applied.')).toBeVisible();

  await client.reload();
  await client.getByRole('button', { name: 'Accept Linus' }).click();
  await client.getByRole('button', { name: 'Create the escrow' }).click();
  await shows(client, /Funded at 0x[0-9a-f]{40}/i);

  await client.getByRole('button', { name: 'Release Crane' }).click();
  await expect(client.getByText('paid')).toBeVisible();
  await client.getByLabel('Comment').fill('Straight as an arrow.');
  await client.getByRole('button', { name: 'Review' }).click();
  await expect(client.getByText('Straight as an arrow.')).toBeVisible();

  await freelancer.reload();
  await freelancer.getByRole('button', { name: 'Mint the certificate' }).click();
  await shows(freelancer, /Minted as token \d+/);
});

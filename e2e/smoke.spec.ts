// Uses Chromium, and the product on PostgreSQL, Redis and anvil.
import { expect, test } from '@playwright/test';
import { at, person } from './people.ts';

test('the jobs are shown to everybody', async ({ page }) => {
  await page.goto(at('/'));
  await expect(page.getByRole('heading', { name: 'Open jobs' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Sign in' })).toBeVisible();
});

test('a form that is wrong says what is wrong, at the field', async ({ page }) => {
  await page.goto(at('/register'));
  await page.getByLabel('Wallet address').fill('0x123');
  await page.getByRole('button', { name: 'Register' }).click();
  await expect(page.getByText('Wallet address must be a wallet address with a right checksum.')).toBeVisible();
  await expect(page.getByLabel('Wallet address')).toHaveAttribute('aria-invalid', 'true');
});

test('posting a job wants a sign-in, and the job is in the list then', async ({ page, browser }) => {
  await page.goto(at('/jobs/new'));
  await expect(page).toHaveURL(/\/login$/);
  const client = await person(browser, 'Ada');
  await client.getByRole('link', { name: 'Post a job' }).click();
  await client.getByLabel('Title').fill('Caulk the deck');
  await client.getByLabel('Description').fill('All of it.');
  await client.getByLabel('Milestone 1').fill('Everything');
  await client.getByLabel('Amount').first().fill('0.25');
  await client.getByRole('button', { name: 'Post the job' }).click();
  await expect(client.getByText('0.25 ether')).toBeVisible();
  await client.goto(at('/'));
  await expect(client.getByRole('link', { name: 'Caulk the deck' }).first()).toBeVisible();
});

test('what is not there is a page that says so', async ({ page }) => {
  const answer = await page.goto(at('/nowhere'));
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole('heading', { name: 'There is no such page.' })).toBeVisible();
});

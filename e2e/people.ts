import { randomBytes } from 'node:crypto';
import { type Browser, expect, type Page } from '@playwright/test';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';

/** Where the product is; set by the set-up, which runs before. */
export const at = (path: string) => new URL(path, process.env.BASE_URL).href;

/** Somebody with a browser of their own, registered and signed in. */
export async function person(browser: Browser, name: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(at('/register'));
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('E-mail address').fill(`${randomBytes(6).toString('hex')}@example.test`);
  await page.getByLabel('Password').fill('a good password');
  await page.getByLabel('Wallet address').fill(privateKeyToAddress(generatePrivateKey()));
  await page.getByRole('button', { name: 'Register' }).click();
  await expect(page.getByText(name)).toBeVisible();
  return page;
}

// Somebody with a keyboard and no script joins the market, buys a licence, and downloads the data.
// Every page on the way is looked at, since no link leads to most of them.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { openPage } from '../lib/browser.mjs';
import { download, enter, follow, tabTo, tick, typeInto } from '../lib/keyboard.mjs';
import { arrived, visit } from '../lib/look.mjs';
import { expect, test } from '../lib/runner.mjs';

const site = 'market';
/** A listing of the demonstration that has content, is paid once, and is open to anybody. */
const FOR_SALE = 'Berth delay and tide residual';

export async function flow({ browser, market }) {
  const page = await openPage(browser, { script: false });
  const seeing = () => visit(page, site);
  /** What operator and settlement agent do at their own desks. */
  const lonja = async (...args) => {
    const { stdout } = await promisify(execFile)(market.lonja, ['--dir', market.dir, '--json', ...args], { timeout: 60_000 });
    return JSON.parse(stdout);
  };
  let party;
  const at = (type) => arrived(page, type);

  await test('without script: an organisation applies', 90, async () => {
    await page.goto(`${market.market}/apply`);
    await seeing();
    await fillRequired(page, { name: 'Keyboard Research Institute', country: 'ES' });
    await follow(page, page.locator('main button[type=submit]'));
    await at('applied');
    await seeing();
    party = new URL(page.url()).pathname.split('/').pop();
  });

  await test('without script: a one-time link signs in, once', 90, async () => {
    await lonja('party', 'admit', party, '--role', 'buyer');
    await lonja('account', 'mint', party, 'EUR:100', '--reference', `browser-${party.slice(0, 8)}`);
    const { url: link } = await lonja('party', 'link', party);
    await page.goto(link);
    await seeing();
    await follow(page, page.locator('main button[type=submit]'));
    await page.goto(`${market.market}/account`);
    await at('account');
    await seeing();
    const stranger = await openPage(browser, { script: false });
    await stranger.goto(link);
    expect((await stranger.getByRole('link', { name: 'Sign out' }).count()) === 0, 'the link signed in a second time');
    await stranger.context().close();
  });

  await test('without script: find, quote, buy, download', 150, async () => {
    await page.goto(`${market.market}/`);
    await typeInto(page, page.getByRole('searchbox').first(), FOR_SALE);
    await enter(page);
    await at('search');
    await follow(page, page.getByRole('link', { name: FOR_SALE, exact: true }));
    await at('dataset');
    await seeing();
    await follow(page, page.getByRole('button', { name: 'Get a price' }).first());
    await at('confirm');
    await seeing();
    await follow(page, page.getByRole('button', { name: /Sign and buy/ }));
    await at('licence');
    await seeing();
    const file = await download(page, page.getByRole('button', { name: /^Download/ }).first());
    const bytes = await readFile(await file.path());
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect((await page.locator('main').innerText()).includes(digest), `the file's SHA-256 ${digest} is not on the page`);
    await follow(page, page.getByRole('link', { name: 'Account' }).first());
    await follow(page, page.getByRole('link', { name: 'All that was signed here' }));
    await at('orders');
    await seeing();
    const orders = await page.locator('main table').innerText();
    expect(/Licence bought/.test(orders) && /Download/.test(orders), `the purchase is not among the orders: ${orders}`);
  });
  await page.context().close();
}

/** Fills every required field of the form in `main`: what `values` says, or the first choice. */
async function fillRequired(page, values) {
  for (const field of await page.locator('main form [aria-required="true"]').all()) {
    const name = await field.getAttribute('name');
    const kind = await field.evaluate((element) => element.tagName.toLowerCase());
    if (kind === 'select') {
      await tabTo(page, field);
      await page.keyboard.press('ArrowDown');
    } else {
      await typeInto(page, field, values[name] ?? 'Example');
    }
  }
  for (const group of await page.locator('main form fieldset.field').all()) {
    await tick(page, group.locator('input').first());
  }
}

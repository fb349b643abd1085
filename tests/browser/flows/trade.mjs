// Somebody with a keyboard and no script joins the market, buys a licence, and downloads the data;
// subscribes, and prolongs. Every page on the way is looked at, since no link leads to most of them.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openPage } from '../lib/browser.mjs';
import { download, enter, follow, pick, typeInto } from '../lib/keyboard.mjs';
import { apply, commands, openVisitor, signIn, submit } from '../lib/member.mjs';
import { visit } from '../lib/look.mjs';
import { expect, test } from '../lib/runner.mjs';

/** A listing of the demonstration that has content, is paid once, and is open to anybody. */
const FOR_SALE = 'Berth delay and tide residual';

/** One that is subscribed to, at 15 EUR for 30 days. */
const SUBSCRIBED = 'Energy of quay cranes by the hour';

export async function flow({ browser, market }) {
  const visitor = await openVisitor(browser);
  const { page, at, see } = visitor;
  const lonja = commands(market);
  let party;

  await test('without script: an organisation applies', 270, async () => {
    party = await apply(visitor, market, 'Keyboard Research Institute');
    await see();
  });

  await test('without script: a one-time link signs in, once', 270, async () => {
    await lonja('party', 'admit', party, '--role', 'buyer');
    await lonja('account', 'mint', party, 'EUR:100', '--reference', `browser-${party.slice(0, 8)}`);
    const { url: link } = await lonja('party', 'link', party);
    await page.goto(link);
    await see();
    await signIn(visitor, link);
    await see();
    const stranger = await openPage(browser, { script: false });
    await stranger.goto(link);
    await follow(stranger, submit(stranger));
    expect((await stranger.getByRole('link', { name: 'Sign out' }).count()) === 0, 'the link signed in a second time');
    expect(/sign-in link/.test(await stranger.locator('#faults').innerText()), 'nothing is said of why');
    await stranger.context().close();
  });

  await test('without script: who holds nothing is told where to begin', 180, async () => {
    await follow(page, page.getByRole('link', { name: 'Licences', exact: true }));
    await at('agreements');
    await see('none');
    await page.goto(`${market.market}/orders`);
    await see('none');
  });

  await test('without script: find, quote, buy, download', 450, async () => {
    await page.goto(`${market.market}/`);
    await typeInto(page, page.getByRole('searchbox').first(), FOR_SALE);
    await enter(page);
    await at('search');
    await follow(page, page.getByRole('link', { name: FOR_SALE, exact: true }));
    await at('dataset');
    await see();
    await follow(page, page.getByRole('button', { name: 'Get a price' }).first());
    await at('confirm');
    await see();
    await follow(page, page.getByRole('button', { name: /Sign and buy/ }));
    await at('licence');
    await see();
    const file = await download(page, page.getByRole('button', { name: /^Download/ }).first());
    const bytes = await readFile(await file.path());
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect((await page.locator('main').innerText()).includes(digest), `the file's SHA-256 ${digest} is not on the page`);
    await follow(page, page.getByRole('link', { name: 'Account' }).first());
    await follow(page, page.getByRole('link', { name: 'All that was signed here' }));
    await at('orders');
    await see();
    const orders = await page.locator('main table').innerText();
    expect(/Licence bought/.test(orders) && /Download/.test(orders), `the purchase is not among the orders: ${orders}`);
  });

  await test('without script: subscribe, and prolong', 360, async () => {
    await page.goto(`${market.market}/search?q=${encodeURIComponent(SUBSCRIBED)}`);
    await follow(page, page.getByRole('link', { name: SUBSCRIBED, exact: true }));
    await at('dataset');
    await pick(page, page.getByLabel('What you will use the data for'), 'Research');
    await typeInto(page, page.getByLabel('How many periods'), '2');
    await follow(page, page.getByRole('button', { name: 'Get a price' }).first());
    await at('confirm');
    await see('periods');
    await follow(page, page.getByRole('button', { name: /Sign and buy for 30\.00 EUR/ }));
    await at('licence');
    await see('subscribed');
    await typeInto(page, page.getByLabel('How many periods more'), '1');
    await follow(page, page.getByRole('button', { name: 'See the price' }));
    await at('renew');
    await see();
    await follow(page, page.getByRole('button', { name: /Sign and pay 15\.00 EUR/ }));
    await at('licence');
    expect(/45\.00 EUR/.test(await page.locator('main').innerText()), 'the third period is not paid');
    await follow(page, page.getByRole('link', { name: 'Licences', exact: true }).first());
    await at('agreements');
    await see();
    const licences = await page.locator('main table').innerText();
    expect(licences.includes(SUBSCRIBED) && licences.includes(FOR_SALE), `not all are listed: ${licences}`);
  });

  await test('without script: a page that is not there, and a desk of others, say what to do', 180, async () => {
    await page.goto(`${market.market}/nowhere`);
    await at('error');
    await see();
    await page.goto(`${market.market}/operate`);
    await at('error');
    await see('forbidden');
    const explorer = await openPage(browser);
    await explorer.goto(`${market.explorer}/agreement/${'0'.repeat(64)}`);
    await visit(explorer, 'explorer');
    await explorer.context().close();
  });
  await page.context().close();
}

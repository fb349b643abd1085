// Finding one's way in the explorer: filters, search, provenance, reports, by what a reader types.

import { openPage } from '../lib/browser.mjs';
import { visit } from '../lib/look.mjs';
import { expect, test } from '../lib/runner.mjs';

export async function flow({ browser, market }) {
  const site = market.explorer;
  const get = async (path) => (await fetch(site + path)).text();
  const list = async (path) => JSON.parse(await get(`/api/v1/lists/${path}`));
  const page = await openPage(browser, { script: false });
  const today = new Date().toISOString().slice(0, 10);
  const seeing = () => visit(page, 'explorer');
  /** Does something that leads to another page, and waits for it. */
  const leads = (doing) => Promise.all([page.waitForEvent('load'), doing]);

  await test('explorer: a list is filtered by party, outcome and period, and exports hold the same rows', 270, async () => {
    const all = (await list('transactions?limit=200')).items;
    const refused = all.find(({ outcome }) => outcome === 'refused');
    expect(refused, 'the demonstration refuses something');
    await page.goto(`${site}/transactions`);
    await page.locator('.filters summary').click();
    await page.locator('#party').fill(refused.sender_name);
    await page.locator('#outcome').selectOption('refused');
    await page.locator('#from').fill(today);
    await leads(page.locator('.filter button').click());
    await seeing();
    const rows = await page.locator('main tbody tr').allInnerTexts();
    expect(rows.length > 0 && rows.every((row) => row.includes('refused')), `other rows than asked for: ${rows}`);
    const href = await page.locator('.tools a', { hasText: 'NDJSON' }).getAttribute('href');
    const exported = (await get(href)).trim().split('\n').map((line) => JSON.parse(line));
    expect(exported.length >= rows.length, 'the export has fewer rows than the page');
    for (const row of exported) {
      expect(row.sender === refused.sender && row.outcome === 'refused', `exported: ${JSON.stringify(row)}`);
      expect(/^[0-9a-f]{64}$/.test(row.transaction) && Number(row.height) > 0 && Number(row.read_at_height) > 0, 'a row without transaction or height');
    }
    await page.locator('#from').fill('2000-01-01');
    await page.locator('#to').fill('2000-01-02');
    await leads(page.locator('.filter button').click());
    expect(/None match/.test(await page.locator('main').innerText()), 'rows of a day without any');
  });

  await test('explorer: the search box answers heights, days, beginnings and names', 270, async () => {
    const datasets = (await list('datasets?limit=200')).items;
    const [dataset] = datasets;
    const filled = datasets.find(({ versions }) => Number(versions) > 0);
    const look = async (text) => {
      await page.goto(`${site}/`);
      await page.locator('#q').fill(text);
      await leads(page.locator('#q').press('Enter'));
    };
    await look('1');
    expect(page.url().endsWith('/block/1'), `height 1 led to ${page.url()}`);
    await look(dataset.dataset.toUpperCase());
    expect(page.url().includes(`/dataset/${dataset.dataset}`), `an identifier led to ${page.url()}`);
    const content = JSON.parse(await get(`/api/v1/datasets/${filled.dataset}`)).versions[0].content.sha256;
    await look(content);
    expect((await page.locator('.mark').allInnerTexts()).some((text) => text.includes(content)), 'the looked-up digest is not marked');
    await look(today);
    expect((await page.locator('main').innerText()).includes(`the day ${today}`), 'a day is not understood');
    await seeing();
    await look(dataset.dataset.slice(0, 10));
    expect((await page.locator('main').innerText()).includes('the beginning of an identifier') || page.url().includes(dataset.dataset), 'a beginning is not understood');
    await look(dataset.dataset_name);
    expect((await page.locator('main a').allInnerTexts()).some((text) => text === dataset.dataset_name), 'a name is not found');
    await look('zzzzqqqq');
    expect(/What can be found/.test(await page.locator('main').innerText()), 'nothing is said of what can be found');
  });

  await test('explorer: provenance is traced from a dataset, and the table says what the drawing shows', 180, async () => {
    const datasets = (await list('datasets?limit=200')).items.filter(({ versions }) => Number(versions) > 0);
    const traced = [];
    for (const { dataset } of datasets) traced.push(JSON.parse(await get(`/api/v1/provenance/${dataset}`)));
    const derived = traced.find(({ edges }) => edges.length > 0);
    expect(derived, 'the demonstration derives something');
    await page.goto(`${site}${derived.dataset.href}`);
    await leads(page.getByRole('link', { name: 'Trace provenance', exact: true }).click());
    await seeing();
    const boxes = await page.locator('svg .box').count();
    const rows = await page.locator('main tbody tr').count();
    expect(boxes === derived.nodes.length && rows === boxes, `${boxes} boxes, ${rows} rows, ${derived.nodes.length} versions`);
    expect((await page.locator('svg .arrow').count()) === derived.edges.length, 'arrows and edges differ');
  });

  await test('explorer: the events of one thing are a list too', 90, async () => {
    const { dataset } = (await list('datasets?limit=1')).items[0];
    await page.goto(`${site}/events?dataset=${dataset}&kind=dataset-published`);
    expect((await page.locator('main tbody tr').count()) === 1, 'a dataset is published once');
    await seeing();
  });

  await test('explorer: live blocks come again after the explorer turned the reader away', 180, async () => {
    const scripted = await openPage(browser);
    let asked = 0;
    await scripted.route('**/live?*', (route) => {
      asked += 1;
      return asked === 1 ? route.fulfill({ status: 503, body: '' }) : route.continue();
    });
    await scripted.goto(`${site}/`);
    const live = scripted.locator('.live');
    await live.filter({ hasText: /^live$/ }).waitFor({ state: 'visible' });
    expect(asked === 2, `asked ${asked} times`);
    await scripted.context().close();
  });

  await page.context().close();
}

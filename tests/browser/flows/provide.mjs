// A provider's and a custodian's desk, by keyboard and without script: publish with gaps, fill them,
// upload, offer, state a legal basis; record a consent, withdraw it, erase a person; see who licensed.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { follow, pick, tabTo, tick, typeInto } from '../lib/keyboard.mjs';
import { chooseFile, fill, openMember, submit } from '../lib/member.mjs';
import { expect, test } from '../lib/runner.mjs';

const TITLE = 'Lock passages by vessel';
const PERSON = 'K-0001';
/** A day that reads the same with the month and with the day first. */
const LAST_DAY = '12122040';

export async function flow({ browser, market }) {
  let member, dataset;
  const folder = await mkdtemp(join(tmpdir(), 'lonja-desk-'));
  const done = async () => (await member.page.locator('[role=status]').innerText());

  await test('provider: a listing is published with gaps', 450, async () => {
    member = await openMember(browser, market, 'Keyboard Lock Keepers', 'provider', 'custodian', 'buyer');
    const { page, at, see } = member;
    await follow(page, page.getByRole('link', { name: 'Provide', exact: true }));
    await at('provide');
    await see('empty');
    await follow(page, page.getByRole('link', { name: 'Publish a dataset' }));
    await at('publish');
    await see();
    await follow(page, submit(page));
    await at('publish');
    await see('wrong');
    await fill(page, page.locator('main'), { Identifier: 'lock-passages', Title: TITLE });
    await follow(page, submit(page));
    await at('listing');
    dataset = new URL(page.url()).pathname.split('/').pop();
    expect(/on the ledger/.test(await done()), await done());
    await see('gaps');
  });

  await test('provider: the gaps are filled, and a version is uploaded', 450, async () => {
    const { page, at, see } = member;
    await follow(page, page.getByRole('link', { name: 'Fill the gaps' }).first());
    await at('revise');
    await see();
    await everyClass(page);
    await follow(page, submit(page));
    await at('listing');
    expect((await page.getByText('Not ready to be offered').count()) === 0, await page.locator('main').innerText());
    const file = join(folder, 'passages.csv');
    await writeFile(file, 'day,vessels\n2024-01-01,41\n');
    await see('complete');
    const form = page.locator('form').filter({ has: page.locator('input[type=file]') });
    await chooseFile(page, form.locator('input[type=file]'), file);
    await follow(page, form.locator('button'));
    await at('listing');
    expect(/version is on the ledger/.test(await done()), await done());
  });

  await test('provider: an offer is made, and a legal basis stated', 450, async () => {
    const { page, at, see } = member;
    await follow(page, page.getByRole('link', { name: 'Make an offer' }));
    await at('offer');
    await see();
    await follow(page, submit(page));
    await at('offer');
    await see('wrong');
    await fill(page, page.locator('main'), { Research: true, 'Not at all': true, 'Paid once': true });
    await typeInto(page, page.locator('[name=amount]'), '12.50');
    await typeInto(page, page.locator('[name=currency]'), 'EUR');
    await follow(page, submit(page));
    await at('listing');
    await tabTo(page, page.getByText('State a legal basis'));
    await page.keyboard.press('Enter');
    const form = page.locator('details form');
    await follow(page, form.getByRole('button'));
    await at('listing');
    await see('wrong');
    await typeInto(page, form.locator('[name=jurisdiction]'), 'ES');
    await typeInto(page, form.locator('[name=reference]'), 'Ports Act, art. 12');
    await typeInto(page, form.locator('[name=controls]'), 'Two people look at every file');
    await follow(page, form.getByRole('button'));
    await at('listing');
    await see();
    await follow(page, page.getByRole('link', { name: 'My listings' }));
    await at('provide');
    await see();
  });

  await test('custodian: a consent is recorded and withdrawn, and a person is erased', 450, async () => {
    const { page, at, see } = member;
    await follow(page, page.getByRole('link', { name: 'Consents', exact: true }));
    await at('consents');
    await see('empty');
    const record = page.locator('form[action^="/consents#"]');
    await follow(page, record.getByRole('button'));
    await at('consents');
    await see('wrong');
    for (const until of [LAST_DAY, LAST_DAY]) {
      await typeInto(page, record.locator('[name=subject]'), PERSON);
      await typeInto(page, record.locator('[name=notice]'), 'Your passages are shared for research.');
      await typeInto(page, record.locator('[name=dataset]'), dataset);
      await tick(page, record.getByRole('checkbox', { name: 'Research' }));
      await tabTo(page, record.locator('[name=until]'));
      await page.keyboard.type(until);
      await follow(page, record.getByRole('button'));
      await at('consents');
      expect(/in the vault and on the ledger/.test(await done()), await done());
    }
    await see('given');
    await follow(page, page.getByRole('button', { name: /Withdraw consent/ }).first());
    await at('consents');
    await see('withdrawn');
    const states = await page.locator('main table tbody .tag').allInnerTexts();
    expect(states.sort().join() === 'given,withdrawn', `the consents are ${states}`);
    const erase = page.locator('form[action^="/consents/erase"]');
    await typeInto(page, erase.locator('[name=subject]'), 'somebody else');
    await follow(page, erase.getByRole('button'));
    await at('consents');
    expect(/Say that you know/.test(await page.locator('#faults').innerText()), 'one key press erases a person');
    await tick(page, erase.getByRole('checkbox'));
    await follow(page, erase.getByRole('button'));
    await at('consents');
    expect(/nothing on record/.test(await page.locator('#faults').innerText()), 'an unknown person is erased');
    await typeInto(page, erase.locator('[name=subject]'), PERSON);
    await follow(page, erase.getByRole('button'));
    await at('consents');
    await see();
    expect(/Erased: 2 records/.test(await done()), await done());
  });

  await test('provider: an offer is withdrawn, and nobody holds a licence yet', 180, async () => {
    const { page, at, see } = member;
    await page.goto(`${market.market}/provide/${dataset}`);
    await follow(page, page.getByRole('button', { name: /Withdraw this offer/ }));
    await at('listing');
    await follow(page, page.getByRole('link', { name: 'Licences', exact: true }));
    await at('agreements');
    await follow(page, page.getByRole('link', { name: 'Granted' }));
    await at('agreements');
    await see('none-granted');
  });

  await member?.page.context().close();
  await rm(folder, { recursive: true, force: true });
}

/** Says something in every classification: shared with anybody, not about people, else the first choice. */
async function everyClass(page) {
  for (const select of await page.locator('main form select').all()) {
    const shared = { spectrum: 'Shared', access: 'Public' }[await select.getAttribute('name')];
    if (shared) {
      await pick(page, select, shared);
    } else {
      await tabTo(page, select);
      await page.keyboard.press('ArrowDown');
    }
  }
  for (const name of ['categories', 'insight_levels', 'roles']) await tick(page, page.locator(`main form [name=${name}]`).first());
  for (const [name, text] of Object.entries({ spatial: 'ES', temporal: '2024', refresh: 'R/P1D' })) {
    await typeInto(page, page.locator(`main form [name=${name}]`), text);
  }
}

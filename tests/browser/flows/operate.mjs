// An operator's desk, by keyboard and without script: admit who applied, send the one-time link,
// suspend a member and admit it again.

import { follow, tick } from '../lib/keyboard.mjs';
import { apply, openMember, openVisitor, signIn, submit } from '../lib/member.mjs';
import { expect, test } from '../lib/runner.mjs';

const NEWCOMER = 'Keyboard Tide Survey';
const CONTACT = 'The office at the lock, +34 600 000 000';

export async function flow({ browser, market }) {
  let operator;
  const newcomer = await openVisitor(browser);
  const { page: applicant } = newcomer;
  let party;

  await test('operator: an application is admitted with the roles that were chosen', 360, async () => {
    operator = await openMember(browser, market, 'Keyboard Market Office', 'operator');
    const { page, at, see } = operator;
    party = await apply(newcomer, market, NEWCOMER, CONTACT);
    await follow(page, page.getByRole('link', { name: 'Operate' }));
    await at('operate');
    await see('waiting');
    const waiting = page.locator('details').filter({ hasText: NEWCOMER });
    // The contact is read from the node, and where that is held up for a moment the page says to load it again.
    const deadline = Date.now() + 60_000;
    while (/cannot be read now/.test(await waiting.innerText()) && Date.now() < deadline) {
      await page.waitForTimeout(1_000);
      await page.reload();
    }
    expect((await waiting.innerText()).includes(CONTACT), `the operator is not told whom to ask: ${await waiting.innerText()}`);
    await follow(page, waiting.getByRole('button', { name: 'Admit' }));
    await at('decide');
    expect(/at least one role/.test(await page.locator('#faults').innerText()), 'admitted without a role');
    await see('wrong');
    await tick(page, page.getByRole('checkbox', { name: /^Provider:/ }));
    await tick(page, page.getByRole('checkbox', { name: /^Buyer:/ }));
    await follow(page, submit(page));
    await at('operate');
    await see();
    expect(/provider, buyer|buyer, provider/.test(await row(page).innerText()), `not among the members: ${await row(page).innerText()}`);
  });

  await test('operator: the one-time link is shown once and lets the newcomer in', 270, async () => {
    const { page, at, see } = operator;
    await follow(page, row(page).getByRole('button', { name: /link/i }));
    await at('link');
    await see();
    const link = await page.locator('main code').first().innerText();
    await signIn(newcomer, link);
    expect((await applicant.locator('main h1').innerText()) === NEWCOMER, 'somebody else is signed in');
  });

  await test('operator: a member is suspended with a reason, and admitted again', 270, async () => {
    const { page, at, see } = operator;
    await page.goto(`${market.market}/operate`);
    await follow(page, row(page).getByRole('link', { name: /Suspend/ }));
    await at('decide');
    await see();
    await tick(page, page.getByRole('radio', { name: 'It asked for it' }));
    await follow(page, submit(page));
    await at('operate');
    await see('suspended');
    expect(/suspended/.test(await row(page).innerText()), `still a member: ${await row(page).innerText()}`);
    await applicant.goto(`${market.market}/provide`);
    await newcomer.at('error');
    await newcomer.see('suspended');
    await follow(page, row(page).getByRole('link', { name: /Admit again/ }));
    await at('decide');
    await tick(page, page.getByRole('checkbox', { name: /^Buyer:/ }));
    await follow(page, submit(page));
    await at('operate');
    expect(/active/.test(await row(page).innerText()), `not admitted: ${await row(page).innerText()}`);
  });

  for (const visitor of [operator, newcomer]) await visitor?.page.context().close();
}

const row = (page) => page.locator('main table tbody tr').filter({ hasText: NEWCOMER });

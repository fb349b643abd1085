// Governance in the explorer, by keyboard and without script: from the navigation to a proposal, its ballot, the
// validator who gave it, and the lists that hold all of them.

import { openPage } from '../lib/browser.mjs';
import { follow } from '../lib/keyboard.mjs';
import { arrived, visit } from '../lib/look.mjs';
import { commands } from '../lib/member.mjs';
import { expect, test } from '../lib/runner.mjs';

const TRANSACTIONS = '50000';

export async function flow({ browser, market }) {
  const site = market.explorer;
  const lonja = commands(market);
  // An explorer whose node is away for a moment has no items.
  const list = async (path) => (await (await fetch(`${site}/api/v1/lists/${path}`)).json()).items ?? [];
  const page = await openPage(browser, { script: false });
  const main = page.locator('main');
  /** Presses Enter on the link, waits for the page that it leads to, and says what is on it. */
  const leads = async (link, type) => {
    await follow(page, link);
    await arrived(page, type);
    return main.innerText();
  };
  // The other pages are looked at where links lead to them; before this flow nothing was proposed.
  const seeing = () => visit(page, 'explorer');

  await test('governance: what the validators carried is found from the navigation on, with ballot, decision and proof', 360, async () => {
    await lonja('governance', 'parameters', '--transactions', TRANSACTIONS, '--as', 'operator');
    const deadline = Date.now() + 90_000;
    let made = [];
    while (made.length === 0) {
      expect(Date.now() < deadline, 'the explorer never lists the proposal');
      await page.waitForTimeout(100);
      made = await list('proposals');
    }
    await page.goto(`${site}/`);
    const governance = await leads(page.locator('nav').getByRole('link', { name: 'Governance' }), 'governance');
    await seeing();
    expect(/50.000 transactions/.test(governance), `the parameters in force are not told: ${governance}`);
    const proposal = await leads(main.locator(`td a[href="/proposal/${made[0].proposal}"]`), 'proposal');
    await seeing();
    for (const part of ['carried', '1 of 1', 'Decision', 'Evidence bundle', 'validator-0']) expect(proposal.includes(part), `no ${part} on the proposal: ${proposal}`);
    await leads(main.locator('#ballots ~ table a[href^="/transaction/"]').first(), 'transaction');
    expect((await main.locator(`a[href="/proposal/${made[0].proposal}"]`).count()) > 0, 'the transaction does not lead back to the proposal');
  });

  await test('governance: a validator, its era, and every list are within reach', 360, async () => {
    await page.goto(`${site}/governance`);
    const validator = await leads(main.locator('a[href^="/validator/"]').first(), 'validator');
    expect(/never accused/.test(validator) && /Its ballots/.test(validator), `nothing is told of the validator: ${validator}`);
    await leads(main.locator('a[href="/era/0"]').first(), 'era');
    for (const name of ['proposals', 'ballots', 'accusations', 'eras']) {
      await page.goto(`${site}/governance`);
      await leads(main.locator(`.tallies a[href="/${name}"]`), name);
    }
    await page.goto(`${site}/proposals?kind=parameters&outcome=carried`);
    expect((await page.locator('main tbody tr').count()) > 0, 'a filter hides what it takes');
    await page.goto(`${site}/proposals?outcome=expired`);
    expect(/None match/.test(await main.innerText()), 'a proposal expired that was carried');
  });

  await page.context().close();
}

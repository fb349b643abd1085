// Proofs in the reader's browser: what holds is green, and nothing else ever is.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { webcrypto } from 'node:crypto';
import { Doubt } from '../../../explorer/assets/bytes.mjs';
import { verifyFile } from '../../../explorer/assets/bundle.mjs';
import { verifyCheckpoint } from '../../../explorer/assets/checkpoint.mjs';
import { readAnchor } from '../../../explorer/assets/trust.mjs';
import { openPage } from '../lib/browser.mjs';
import { look } from '../lib/look.mjs';
import { expect, test } from '../lib/runner.mjs';

globalThis.crypto ??= webcrypto;

const MUTATIONS = 300;
const KINDS = ['dataset', 'agreement', 'consent', 'proposal'];

export async function flow({ browser, market }) {
  const site = market.explorer;
  const get = async (path) => {
    // An explorer whose node is held up for a moment says so, and may be asked again.
    const deadline = Date.now() + 60_000;
    let answer = await fetch(site + path);
    while ([502, 503].includes(answer.status) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      answer = await fetch(site + path);
    }
    expect(answer.ok, `${path} answers ${answer.status}`);
    return answer;
  };
  const rows = async (list) => (await (await get(`/api/v1/lists/${list}?limit=200`)).json()).items;
  const ids = {};
  const folder = await mkdtemp(join(tmpdir(), 'lonja-proofs-'));
  const files = { anchor: join(folder, 'anchor.json') };

  await test('proofs: bundles and a receipt of the market are at hand', 180, async () => {
    ids.dataset = (await rows('datasets')).find(({ spectrum, versions }) => !/closed/i.test(spectrum) && Number(versions) > 0)?.dataset;
    ids.agreement = (await rows('agreements'))[0]?.agreement;
    ids.consent = (await rows('consents'))[0]?.consent;
    ids.proposal = (await rows('proposals'))[0]?.proposal;
    ids.transaction = (await rows('transactions'))[0]?.transaction;
    for (const kind of [...KINDS, 'transaction']) expect(ids[kind], `the market has no ${kind}`);
    for (const kind of KINDS) {
      files[kind] = join(folder, `${kind}.bundle.json`);
      await writeFile(files[kind], new Uint8Array(await (await get(`/bundle/${kind}/${ids[kind]}`)).arrayBuffer()));
    }
    files.receipt = join(folder, 'one.receipt');
    await writeFile(files.receipt, new Uint8Array(await (await get(`/receipt/${ids.transaction}`)).arrayBuffer()));
    await writeFile(files.anchor, await (await get('/anchor.json')).text());
  });

  await test(`proofs: ${KINDS.length * MUTATIONS} changed bundles and ${MUTATIONS} changed receipts of the market are refused`, 720, async () => {
    const anchor = readAnchor(await readFile(files.anchor, 'utf8'));
    for (const kind of [...KINDS, 'receipt']) {
      const data = new Uint8Array(await readFile(files[kind]));
      await verifyFile(data, anchor);
      for (let number = 0; number < MUTATIONS; number += 1) {
        const changed = data.slice();
        const at = Math.floor((number * data.length) / MUTATIONS);
        changed[at] ^= 1 << (number % 8);
        const said = await verifyFile(changed, anchor).then(() => 'accepted', (error) => error);
        expect(said instanceof Doubt && said.state === 'failed', `${kind}, byte ${at}: ${said.stack ?? said}`);
      }
      for (const [what, wrong] of [['a byte too many', [...data, 10]], ['a byte too few', data.subarray(0, -1)], ['nothing', []]]) {
        const said = await verifyFile(Uint8Array.from(wrong), anchor).then(() => 'accepted', (error) => error);
        expect(said instanceof Doubt && said.state === 'failed', `${kind}, ${what}: ${said.stack ?? said}`);
      }
    }
  });

  await test('proofs: every changed byte of a checkpoint is refused', 180, async () => {
    const anchor = readAnchor(await readFile(files.anchor, 'utf8'));
    const note = Buffer.from(await (await get('/checkpoint')).text());
    await verifyCheckpoint(note.toString(), anchor);
    for (let at = 0; at < note.length; at += 1) {
      const changed = Buffer.from(note);
      changed[at] ^= 1 << (at % 8);
      const said = await verifyCheckpoint(changed.toString(), anchor).then(() => 'accepted', (error) => error);
      expect(said instanceof Doubt && said.state === 'failed', `byte ${at}: ${said.stack ?? said}`);
    }
  });

  for (const kind of KINDS) {
    await test(`proofs: the ${kind} page checks its bundle, with the keyboard`, 180, async () => {
      const { page, verdict, press } = await pressCheck(browser, site, kind, ids[kind]);
      await expectState(verdict, 'verified', press);
      expect(/these are all its events/.test(await verdict.innerText()), `the verdict tells nothing of the history: ${await verdict.innerText()}`);
      await look(page, `explorer/${kind}-checked`);
      await page.context().close();
    });
  }

  const lies = [
    ['a bundle with one changed byte', 'failed', (page) => changed(page, '**/bundle/**', (bytes) => { bytes[bytes.length >> 1] ^= 1; return bytes; })],
    ['the bundle of another record', 'failed', (page) => changed(page, '**/bundle/**', () => readFile(files.agreement))],
    ['a bundle with something after it', 'failed', (page) => changed(page, '**/bundle/**', (bytes) => Buffer.concat([bytes, Buffer.from(' ')]))],
    ['a checkpoint without its cosignature', 'failed', (page) => changed(page, '**/checkpoint', (bytes) => Buffer.from(`${bytes.toString().split('\n').slice(0, -2).join('\n')}\n`))],
    ['a checkpoint with a signature that is none', 'failed', (page) => changed(page, '**/checkpoint', (bytes) => Buffer.from(bytes.toString().replace(/\/(\S+) (\S)/g, '/$1 A$2')))],
    ['no bundle at all', 'unchecked', (page) => page.route('**/bundle/**', (route) => route.fulfill({ status: 502, body: '' }))],
    ['a stale checkpoint', 'stale', (page) => page.addInitScript(() => { const now = Date.now; Date.now = () => now() + 3_600_000; })],
    ['a checkpoint of the future', 'stale', (page) => page.addInitScript(() => { const now = Date.now; Date.now = () => now() - 3_600_000; })],
    ['a browser without WebCrypto', 'unchecked', (page) => page.addInitScript(() => Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined }))],
    ['a browser without Ed25519', 'unchecked', (page) => page.addInitScript(() => { SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError')); })],
  ];
  for (const [what, state, lie] of lies) {
    await test(`proofs: ${what} is not green`, 180, async () => {
      const { page, verdict, press } = await pressCheck(browser, site, 'dataset', ids.dataset, lie);
      await expectState(verdict, state, press);
      await page.context().close();
    });
  }

  await test('proofs: the page of a transaction checks its receipt', 180, async () => {
    const page = await openPage(browser);
    await page.goto(`${site}/transaction/${ids.transaction}`);
    await expectState(page.locator('[data-proof] .verdict'), 'verified', () => page.reload());
    await page.context().close();
  });

  const checkedFiles = async (open, chosen) => {
    for (const kind of [...KINDS, 'receipt']) {
      const good = await readFile(files[kind]);
      const bad = Buffer.from(good);
      bad[good.length >> 1] ^= 1;
      for (const [name, bytes, state] of [['sound', good, 'verified'], ['changed', bad, 'failed'], ['longer', Buffer.concat([good, Buffer.from('\n')]), 'failed']]) {
        const page = await open();
        await page.locator('input[type=file]').setInputFiles([...chosen, { name: `${name}-${kind}`, mimeType: 'application/octet-stream', buffer: bytes }]);
        await expectState(page.locator('#verdict'), state);
        await page.context().close();
      }
    }
  };

  await test('proofs: the verify page checks bundles and receipts from files', 360, () => checkedFiles(async () => {
    const page = await openPage(browser);
    await page.goto(`${site}/verify`);
    return page;
  }, []));

  const offline = join(folder, 'lonja-verifier.html');
  const openOffline = async (prepare) => {
    const page = await openPage(browser);
    await page.context().setOffline(true);
    if (prepare) await page.addInitScript(prepare);
    await page.goto(pathToFileURL(offline).href);
    return page;
  };
  await test('proofs: the verifier as one file checks them from a disk, without network', 360, async () => {
    await writeFile(offline, await (await get('/lonja-verifier.html')).text());
    await checkedFiles(openOffline, [{ name: 'anchor.json', mimeType: 'application/json', buffer: await readFile(files.anchor) }]);
  });

  await test('proofs: an old bundle is proven as of then, never green', 180, async () => {
    const page = await openOffline(() => { const now = Date.now; Date.now = () => now() + 86_400_000; });
    await page.locator('input[type=file]').setInputFiles([files.anchor, files.dataset]);
    await expectState(page.locator('#verdict'), 'stale');
    await look(page, 'explorer/verifier');
    await page.context().close();
  });

  await rm(folder, { recursive: true, force: true });
}

/** Opens the page of a thing and presses its button by keyboard. */
async function pressCheck(browser, site, kind, id, prepare) {
  const page = await openPage(browser);
  if (prepare) await prepare(page);
  await page.goto(`${site}/${kind}/${id}`);
  const bundle = page.locator('[data-bundle]');
  await bundle.locator('button').waitFor({ state: 'visible' });
  const press = async () => {
    await bundle.locator('button').focus();
    await page.keyboard.press('Enter');
  };
  await press();
  return { page, verdict: bundle.locator('.verdict'), press };
}

/** Changes what the explorer serves at `path`. */
const changed = (page, path, change) => page.route(path, async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: Buffer.from(await change(Buffer.from(await response.body()))) });
});

/**
 * Waits for a verdict to be `state`. On the way it may be unchecked, and never another: an explorer whose node is held up
 * for a moment gives nothing to check. Then the reader does it `again`, once in a few seconds.
 */
async function expectState(verdict, state, again) {
  const deadline = Date.now() + 60_000;
  let done = Date.now();
  for (;;) {
    const said = await verdict.getAttribute('data-verdict');
    if (said === state) return;
    const open = said === null || said === 'unchecked';
    expect(open && Date.now() < deadline, `the verdict is ${said}, not ${state}: ${await verdict.innerText()}`);
    if (again && said === 'unchecked' && Date.now() - done > 5_000) {
      await again();
      done = Date.now();
    }
    await verdict.page().waitForTimeout(50);
  }
}

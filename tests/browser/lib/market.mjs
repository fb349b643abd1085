// A demonstration market to look at: the one whose addresses are given in LONJA_NODE_URL,
// LONJA_MARKET_URL and LONJA_EXPLORER_URL, or a new one in a temporary directory, on
// ports that were free a moment ago.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from './runner.mjs';

const START_SECONDS_MAX = 600;
const STOP_SECONDS_MAX = 120;

/** Returns `{ market, explorer, node, dir, lonja, stop }`; `dir` and `stop` only if it was started here. */
export async function openMarket() {
  const { LONJA_NODE_URL: node, LONJA_MARKET_URL: market, LONJA_EXPLORER_URL: explorer } = process.env;
  if (market && explorer) return { node, market, explorer, lonja: process.env.LONJA_BIN, dir: process.env.LONJA_DIR };
  const lonja = process.env.LONJA_BIN;
  expect(lonja, 'set LONJA_BIN to the built binary, or LONJA_MARKET_URL and LONJA_EXPLORER_URL to a running market');
  return startMarket(lonja);
}

async function startMarket(lonja) {
  const top = await mkdtemp(join(tmpdir(), 'lonja-browser-'));
  const dir = join(top, 'market');
  const [nodePort, marketPort, explorerPort] = await freePorts(3);
  const ports = ['--node-port', nodePort, '--market-port', marketPort, '--explorer-port', explorerPort];
  const args = ['--json', 'up', '--demo', '--dir', dir, ...ports];
  const child = spawn(lonja, args, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, printed] = ['', ''];
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (said = (said + text).slice(-100_000)));
  }
  child.stdout.on('data', (text) => (printed = (printed + text).slice(-100_000)));
  // Whatever ends this process ends the market too.
  process.on('exit', () => child.kill('SIGKILL'));

  const deadline = Date.now() + START_SECONDS_MAX * 1000;
  let urls;
  while (!(urls = parsed(printed))) {
    const code = await Promise.race([ended, pause(200)]);
    expect(code === undefined, `lonja up ended with ${code} before it printed its addresses:\n${said.slice(-4000)}`);
    expect(Date.now() < deadline, `lonja up printed no addresses within ${START_SECONDS_MAX} s:\n${said.slice(-4000)}`);
  }
  return {
    node: urls.node,
    market: urls.marketplace,
    explorer: urls.explorer,
    lonja,
    dir,
    /** Stops it as Ctrl-C does. */
    async stop() {
      child.kill('SIGINT');
      const code = await Promise.race([ended, pause(STOP_SECONDS_MAX * 1000, 'late')]);
      child.kill('SIGKILL');
      await rm(top, { recursive: true, force: true });
      expect(code === 0, code === 'late' ? `still running ${STOP_SECONDS_MAX} s after Ctrl-C` : `ended with ${code}:\n${said.slice(-2000)}`);
    },
  };
}

/**
 * Ports on which nobody listens. A site links to the other one by the port that this was told, so each is told a real
 * one; below 32,768 the system hands out none by itself, as a rule, so that no connection gets it meanwhile.
 */
async function freePorts(count) {
  const found = new Set();
  while (found.size < count) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      found.add(String(port));
    }
  }
  return [...found];
}

const pause = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

/** What is there whole, as JSON. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

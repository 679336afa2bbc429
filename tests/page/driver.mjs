// SPDX-License-Identifier: BSD-2-Clause
// WebDriver, as much of it as the tests need: it is JSON over HTTP.  And a
// service of its own for each session.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const children = new Set();
process.on('exit', () => {
  for (const child of children)
    child.kill('SIGKILL');
});

// Like spawn(), but no child outlives the tests.
function start(command, options) {
  const child = spawn(command, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

// Resolves to the match as soon as a child's output has it.
function waitForOutput(child, pattern) {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match)
        resolve(match);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`ended: ${text}`)));
  });
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null)
      return resolve();
    child.on('exit', resolve);
    child.kill('SIGTERM');
  });
}

export async function startService(binary, ...options) {
  const folder = mkdtempSync(join(tmpdir(), 'turnstile-page-'));
  const child = start(binary, ['--listen', '127.0.0.1:0', '--data', folder,
    ...options]);
  const [link] = await waitForOutput(child, /http:[^\s"]+/);
  const token = () => readFileSync(join(folder, 'admin-token'), 'utf8').trim();
  return {
    link, url: new URL(link).origin, token,
    stop: async () => {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function startDriver(chromedriver, chromium) {
  const folder = mkdtempSync(join(tmpdir(), 'turnstile-chromium-'));
  const child = start(chromedriver, ['--port=0']);
  const [, port] = await waitForOutput(child, /successfully on port (\d+)/);
  const driver = new Driver(`http://127.0.0.1:${port}`);
  await driver.open(chromium, folder);
  driver.stop = async () => {
    await driver.send('DELETE', '');
    await stop(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return driver;
}

class Driver {
  constructor(base) {
    this.base = base;
    this.session = '';
  }

  async send(method, path, body) {
    const response = await fetch(`${this.base}/session${this.session}${path}`,
      { method, body: body === undefined ? undefined : JSON.stringify(body) });
    const { value } = await response.json();
    if (value?.error)
      throw new Error(`${path}: ${value.message.split('\n')[0]}`);
    return value;
  }

  async open(chromium, folder) {
    const { sessionId } = await this.send('POST', '', { capabilities: {
      alwaysMatch: {
        'goog:loggingPrefs': { browser: 'ALL', performance: 'ALL' },
        'goog:chromeOptions': { binary: chromium, args: ['--headless',
          '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
          '--disable-quic', '--no-first-run', '--disable-sync',
          '--disable-background-networking', '--disable-component-update',
          '--hide-scrollbars', '--lang=en',
          `--user-data-dir=${folder}`] },
      } } });
    this.session = `/${sessionId}`;
  }

  go(url) {
    return this.send('POST', '/url', { url });
  }

  // The result of a function's body in the page.
  run(script, ...args) {
    return this.send('POST', '/execute/sync', { script, args });
  }

  async find(css) {
    return Object.values(await this.send('POST', '/element',
      { using: 'css selector', value: css }))[0];
  }

  // Aimed at what is at rest: a page that scrolls smoothly moves it on.
  async click(css) {
    await this.run(`const one = document.querySelector(arguments[0]);
      one?.scrollIntoView({ block: 'nearest', behavior: 'instant' });
      const place = () => one?.getBoundingClientRect().y;
      return new Promise((done) => {
        let last = null, still = 0;
        const look = () => {
          const now = place();
          still = now === last ? still + 1 : 0;
          last = now;
          if (still === 3)
            done();
          else
            requestAnimationFrame(look);
        };
        look();
      });`, css);
    await this.send('POST', `/element/${await this.find(css)}/click`, {});
  }

  async type(css, text) {
    const element = await this.find(css);
    await this.send('POST', `/element/${element}/clear`, {});
    await this.send('POST', `/element/${element}/value`, { text });
  }

  async press(css, key) {
    await this.send('POST', `/element/${await this.find(css)}/value`,
      { text: key });
  }

  // To whatever has the focus.
  async key(value) {
    await this.send('POST', '/actions', { actions: [{ type: 'key', id: 'keys',
      actions: [{ type: 'keyDown', value }, { type: 'keyUp', value }] }] });
  }

  // Until the script's result is true; with a name for the failure.
  async until(what, script, ...args) {
    const end = Date.now() + 20000;
    for (;;) {
      const value = await this.run(script, ...args);
      if (value)
        return value;
      if (Date.now() > end)
        throw new Error(`did not come: ${what}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async size(width, height, dark = false) {
    await this.cdp('Emulation.setDeviceMetricsOverride',
      { width, height, deviceScaleFactor: 1, mobile: false });
    await this.cdp('Emulation.setEmulatedMedia', { features: [
      { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
  }

  cdp(cmd, params) {
    return this.send('POST', '/goog/cdp/execute', { cmd, params });
  }

  // PNG bytes, of the window or of a clip of the page.
  async picture(clip) {
    const { data } = await this.cdp('Page.captureScreenshot', clip
      ? { format: 'png', captureBeyondViewport: true, clip: { scale: 1, ...clip } }
      : { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  // What was logged since the last call; `type`: browser or performance.
  log(type) {
    return this.send('POST', '/se/log', { type });
  }
}

// SPDX-License-Identifier: BSD-2-Clause
// The picture that leads the README: the first collision of a run without a
// lock, as the page shows it.

import { writeFileSync } from 'node:fs';
import { startDriver, startService } from './driver.mjs';

const [binary, chromedriver, chromium, file] = process.argv.slice(2);
const MOST = 150 * 1024;

const service = await startService(binary, '--workers', '2');
const browser = await startDriver(chromedriver, chromium);
await browser.size(1000, 900);
await browser.go(`${service.url}/#lang=en&lock=none&tickets=1&buyers=6&delay=200ms`);
await browser.until('the page', 'return document.querySelectorAll(".lock").length');
await browser.until('start', 'return !document.getElementById("start").disabled');
await browser.type('#guess', '1');
await browser.click('#start');
await browser.until('the collision',
  'return document.querySelectorAll(".timeline .box.twin").length === 2');
const clip = await browser.run(`const box = document.getElementById('why')
  .getBoundingClientRect(); return { x: box.x + scrollX - 8,
  y: box.y + scrollY - 8, width: box.width + 16, height: box.height + 16 }`);
const picture = await browser.picture(clip);
await browser.stop();
await service.stop();
if (picture.length >= MOST)
  throw new Error(`${file} would have ${picture.length} bytes`);
writeFileSync(file, picture);
console.log(`${file}: ${picture.length} bytes`);

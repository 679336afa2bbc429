// SPDX-License-Identifier: BSD-2-Clause
// What the link's fragment carries: #lock=none&tickets=1&buyers=10&delay=200ms
// &lang=zh&orders=2/1/ABBA/mutex, or #buy=ID.  A token is taken out of it at once.

import { setToken } from './api.js';

const DEFAULTS = { lock: 'none', tickets: '1', buyers: '10', delay: '200ms' };

export function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has('token')) {
    setToken(given.get('token'));
    given.delete('token');
    history.replaceState(null, '', location.pathname + location.search +
      (given.size || String(given) ? `#${given}` : ''));
  }
  return given;
}

const within = (text, least, most, otherwise) => {
  const number = Number.parseInt(text, 10);
  return number >= least && number <= most ? number : otherwise;
};

export function readSettings(given) {
  const delay = given.get('delay') ?? '';
  return {
    lock: given.get('lock') ?? DEFAULTS.lock,
    tickets: within(given.get('tickets'), 1, 500, 1),
    buyers: within(given.get('buyers'), 1, 200, 10),
    delay: /^[0-9a-z.-]{1,16}$/.test(delay) ? delay : DEFAULTS.delay,
  };
}

// The longest that "3s", "200ms", "1s-3s" means, in ms.
export function longestMs(delay) {
  const [, number, unit] = /([0-9.]+)(ms|s|m|h)?$/.exec(delay) ?? [0, 0];
  return Number(number) * ({ s: 1e3, m: 6e4, h: 36e5 }[unit] ?? 1);
}

// A lock lets one buyer after the other through: as many delays as there are
// tickets, all of them before an order's deadline.  The delay that fits.
export function fittingDelay({ delay, tickets }, timeoutMs) {
  const most = Math.max(1, Math.floor(0.6 * timeoutMs / tickets));
  return longestMs(delay) <= most ? delay : `${most}ms`;
}

export function writeFragment(values) {
  const now = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(values))
    now.set(name, value);
  history.replaceState(null, '',
    `#${String(now).replaceAll('%3A', ':').replaceAll('%2F', '/')}`);
}

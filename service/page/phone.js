// SPDX-License-Identifier: BSD-2-Clause
// The telephone's page: what is left, and one large button.

import { call, randomKey } from './api.js';
import { $, make } from './dom.js';
import { t, onLanguage } from './i18n.js';

const POLL_MS = 1500;
const NAME = 'turnstile-name';

export function startPhone(id) {
  // A key lives until its answer is certain: pressing again is never twice.
  const state = { key: randomKey(), epoch: null, version: 0, busy: false,
    won: false, open: true, result: null };

  const draw = () => {
    $('phone-buy').disabled = state.busy || state.won || !state.open;
    $('phone-buy').textContent = t(state.busy ? 'phoneBusy' : 'phoneBuy');
    const result = state.open ? state.result : { key: 'phone.closed' };
    $('phone-result').className = result?.won ? 'won' : '';
    $('phone-result').replaceChildren(...result ? [
      t(result.key, result.args),
      result.won ? make('small', {}, t('phone.lookUp')) : ''] : []);
  };

  const looked = ({ etag, data }) => {
    const epoch = etag?.split('-')[0];
    // Opened anew: its ledger is empty, and its epoch another.
    if (state.epoch !== null && epoch !== state.epoch && data.version === 0)
      Object.assign(state, { key: randomKey(), won: false,
        result: { key: 'phoneRound' } });
    Object.assign(state, { epoch, etag, open: true });
    $('phone-left').textContent = data.remaining;
    draw();
  };

  const poll = async () => {
    try {
      const known = state.etag ? { 'If-None-Match': state.etag } : {};
      const answer = await call('GET', `/sales/${id}`, undefined, known);
      if (answer.status !== 304)
        looked(answer);
    } catch (error) {
      if (error.status === 404) {
        Object.assign(state, { open: false, etag: null });
        draw();
      }
    }
  };

  const buy = async () => {
    let buyer = $('phone-name').value.trim();
    if (!buyer) {
      buyer = t('buyerN', { n: 10 + parseInt(state.key.slice(0, 4), 16) % 90 });
      $('phone-name').value = buyer;
    }
    remember(buyer);
    state.busy = true;
    state.result = null;
    draw();
    try {
      const { data } = await call('POST', `/sales/${id}/buy`, { buyer },
        { 'Idempotency-Key': state.key });
      state.won = true;
      state.result = { won: true, key: data.seats.length === 1 ? 'phone.won'
        : 'phone.wonMany', args: { seat: data.seats[0], seats: data.seats } };
      $('phone-left').textContent = data.remaining;
    } catch (error) {
      state.result = { key: resultOf(error) };
      if (error.status === 422)
        state.key = randomKey();
    }
    state.busy = false;
    draw();
    poll();
  };

  try {
    $('phone-name').value = sessionStorage.getItem(NAME) ?? '';
  } catch { /* then it is typed again */ }
  $('phone-sale').textContent = id;
  $('phone').hidden = false;
  $('phone-buy').addEventListener('click', buy);
  onLanguage(draw);
  draw();
  poll();
  setInterval(() => {
    if (!document.hidden)
      poll();
  }, POLL_MS);
}

function remember(buyer) {
  try {
    sessionStorage.setItem(NAME, buyer);
  } catch { /* as above */ }
}

function resultOf(error) {
  if (error.status === 0)
    return 'phone.offline';
  if (error.kind === 'sold-out' || error.kind === 'not-enough')
    return `phone.${error.kind}`;
  if (error.status === 404)
    return 'phone.closed';
  return error.status === 500 ? 'phone.unknown' : 'phone.later';
}

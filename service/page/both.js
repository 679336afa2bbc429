// SPDX-License-Identifier: BSD-2-Clause
// Wrong and cured, side by side: the last run of each kind, and one replay for
// both.

import { $ } from './dom.js';
import { t } from './i18n.js';
import { makeStory } from './story.js';
import { faultOf } from './tell.js';
import { Timeline } from './timeline.js';
import { Replay } from './replay.js';
import { arrangeLanes, culpritOf, drawSeat, witnessesOf } from './why.js';

class Side {
  constructor(name, onEnd) {
    const at = (part) => $(`${name}-${part}`);
    Object.assign(this, { head: at('head'), seat: at('seat'), result: null });
    this.timeline = new Timeline({ frame: at('timeline'), labels: at('labels'),
      scroller: at('scroll'), narrow: true }, () => this.drawSeat());
    this.replay = new Replay(this.timeline, () => {}, onEnd);
  }

  drawSeat() {
    drawSeat(this.seat, this.timeline);
  }

  draw() {
    const { audit } = this.result;
    const orders = witnessesOf(this.result);
    const story = makeStory(orders);
    arrangeLanes(story, orders);
    this.head.textContent = `${audit.lock}: ${t(`verdict.${audit.verdict}`)}`;
    const fault = faultOf(story, audit.collision && { ...audit.collision,
      orders });
    this.timeline.show(story, { fault: fault?.event ?? null,
      culprit: culpritOf(orders) });
    this.drawSeat();
  }
}

export class Both {
  constructor() {
    this.wrong = new Side('wrong', () => this.ended());
    this.cured = new Side('cured', () => this.ended());
    $('both-replay').addEventListener('click', () => this.toggle());
    $('wrong-timeline').addEventListener('keydown', () => this.stop());
    $('cured-timeline').addEventListener('keydown', () => this.stop());
  }

  // Keep a run if it is of use here.
  keep(result) {
    const side = result.audit.wrong ? this.wrong : this.cured;
    if (witnessesOf(result).length < 2)
      return;
    this.stop();
    side.result = result;
    $('both').hidden = !this.wrong.result || !this.cured.result;
    this.draw();
  }

  draw() {
    if ($('both').hidden)
      return;
    this.wrong.draw();
    this.cured.draw();
  }

  toggle() {
    const runs = this.wrong.replay.runs || this.cured.replay.runs;
    this.stop();
    if (runs)
      return;
    $('both').scrollIntoView({ block: 'start' });
    this.wrong.replay.start();
    this.cured.replay.start();
    $('both-replay').textContent = t('stop');
  }

  stop() {
    this.wrong.replay.stop();
    this.cured.replay.stop();
  }

  ended() {
    if (!this.wrong.replay.runs && !this.cured.replay.runs)
      $('both-replay').textContent = t('replayBoth');
  }
}

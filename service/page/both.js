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
    Object.assign(this, { head: at('head'), seat: at('seat'), result: null,
      epoch: null, before: null });
    this.timeline = new Timeline({ frame: at('timeline'), labels: at('labels'),
      scroller: at('scroll'), narrow: true }, () => this.drawSeat());
    this.replay = new Replay(this.timeline, () => {}, onEnd);
  }

  drawSeat() {
    drawSeat(this.seat, this.timeline);
  }

  drawHead() {
    const { audit } = this.result;
    this.head.textContent = `${audit.lock}: ${t(`verdict.${audit.verdict}`)}`;
  }

  draw() {
    const { audit } = this.result;
    const orders = witnessesOf(this.result);
    const story = makeStory(orders);
    arrangeLanes(story, orders);
    this.drawHead();
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

  // Keep a run if it is of use here.  A class's round may be kept again and
  // again while it sells, and is right until it goes wrong: one of the same
  // `epoch` gives way to it.
  keep(result, epoch = null) {
    const [side, other] = result.audit.wrong ? [this.wrong, this.cured]
      : [this.cured, this.wrong];
    if (witnessesOf(result).length === 0)
      return;
    // The collision is the one that is shown: only the verdict may be another.
    if (epoch !== null && side.epoch === epoch && result.audit.collision) {
      side.result = result;
      side.drawHead();
      return;
    }
    this.stop();
    if (epoch !== null && other.epoch === epoch)
      Object.assign(other, other.before);
    if (epoch === null || side.epoch !== epoch)
      side.before = { result: side.result, epoch: side.epoch };
    Object.assign(side, { result, epoch });
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

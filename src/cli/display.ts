import type { OperationProgress, StageProgress } from '../contracts/operation';
import { describeDecision, holdLine } from './hold-text';
import type { Output } from './output';
import { showDuration } from './time-text';
import { renderStage, renderTree, type TreeView } from './tree';

interface Updater {
  (text: string): void;
  clear(): void;
  done(): void;
}

/** Shows an operation while it runs: redrawn where that can be, as lines that stay everywhere else. */
export interface Display {
  show(progress: OperationProgress): void;
  /** Said while nothing is known: no worker answers, Temporal is away. */
  waiting(text: string): void;
  end(): void;
}

/** Nobody looks at a silent program for longer than this. */
const silenceMs = 8000;
/** What is held may be so for days: as often as a CI log needs to be kept open. */
const heldSilenceMs = 300_000;
/** Names of stages and hosts fit mostly; a fixed width keeps lines apart in a log below each other. */
const columnWidth = 10;

export function openDisplay(output: Output): Display {
  return output.isLive ? new LiveDisplay(output) : new PlainDisplay(output);
}

class LiveDisplay implements Display {
  private readonly update: Updater;
  private readonly timer: NodeJS.Timeout;
  private last?: OperationProgress;
  private remark = '';

  constructor(private readonly output: Output) {
    const logUpdate = require('log-update') as { create(stream: NodeJS.WriteStream): Updater };
    this.update = logUpdate.create(process.stdout);
    this.timer = setInterval(() => this.draw(), 100);
  }

  show(progress: OperationProgress): void {
    this.last = progress;
    this.remark = '';
    this.draw();
  }

  waiting(text: string): void {
    this.remark = text;
    this.draw();
  }

  end(): void {
    clearInterval(this.timer);
    this.update.clear();
    this.update.done();
    // What stays need not fit into one line any more.
    if (this.last) this.output.lines(renderTree(this.last, { ...this.view(), columns: 1000 }));
  }

  private view(): TreeView {
    return { colors: this.output.colors, now: Date.now(), columns: process.stdout.columns || 80 };
  }

  private draw(): void {
    const tree = this.last ? renderTree(this.last, this.view()) : [];
    const lines = this.remark ? [...tree, this.output.colors.yellow(` ! ${this.remark}`)] : tree;
    // Taller than the terminal cannot be redrawn: the newest lines count.
    const shown = lines.slice(-Math.max(5, (process.stdout.rows || 40) - 2)).map((line) => this.output.shown(line));
    this.update(shown.join('\n'));
  }
}

export class PlainDisplay implements Display {
  private readonly printed = new Set<string>();
  private lastSaid: number;
  private lastRemark = '';
  private saidHold = '';
  private saidDecisions = 0;

  constructor(
    private readonly output: Output,
    private readonly now: () => number = Date.now,
  ) {
    this.lastSaid = now();
  }

  show(progress: OperationProgress): void {
    this.sayDecisions(progress);
    for (const stage of progress.stages) {
      if (stage.state !== 'done' && stage.state !== 'failed') continue;
      if (this.printed.has(stage.id)) continue;
      this.printed.add(stage.id);
      const view = { colors: this.output.colors, now: this.now(), columns: 500, width: columnWidth };
      this.say(renderStage(stage, view), fieldsOf(stage, progress));
    }
    this.sayHold(progress);
    this.breakSilence(progress);
  }

  private sayDecisions({ decisions = [] }: OperationProgress): void {
    for (const decision of decisions.slice(this.saidDecisions)) {
      this.say(`   ${describeDecision(decision, new Date(this.now()))}`);
    }
    this.saidDecisions = decisions.length;
  }

  private sayHold(progress: OperationProgress): void {
    const { kind, point, since } = progress.hold ?? {};
    const key = `${kind} ${point} ${since}`;
    const isNew = key !== this.saidHold;
    this.saidHold = key;
    const line = progress.hold && holdLine(progress, new Date(this.now()));
    if (line && (isNew || this.now() - this.lastSaid >= heldSilenceMs)) this.say(` ‖ ${line}`);
  }

  waiting(text: string): void {
    if (text === this.lastRemark && this.now() - this.lastSaid < silenceMs) return;
    this.lastRemark = text;
    this.say(` ! ${text}`);
  }

  end(): void {}

  private breakSilence(progress: OperationProgress): void {
    if (progress.hold || this.now() - this.lastSaid < silenceMs) return;
    for (const stage of progress.stages.filter((s) => s.state === 'running')) {
      const took = showDuration(this.now() - (stage.startedAt ?? this.now()));
      const what = stage.now.slice(0, 2).join('; ') || stage.title;
      this.say(` ▸ ${stage.id.padEnd(columnWidth)} ${took.padStart(6)}  ${what}`, fieldsOf(stage, progress));
    }
  }

  private say(line: string, fields?: object): void {
    this.lastSaid = this.now();
    this.output.line(line, fields);
  }
}

/** What a program would otherwise have to read out of the line. */
function fieldsOf({ id, state, startedAt, endedAt }: StageProgress, { operation }: OperationProgress): object {
  const tookMs = startedAt !== undefined && endedAt !== undefined ? endedAt - startedAt : undefined;
  return { operation: operation.id, stage: id, state, tookMs };
}

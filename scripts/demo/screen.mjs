/** How many of the last messages stay on a terminal. */
const KEPT_MESSAGES = 14;

/**
 * Shows the demo: on a terminal one picture that is drawn again in place, elsewhere one line for each message.
 */
export class Screen {
  #startedMs = performance.now();
  /** @type {string[]} */
  #messages = [];
  #drawnLines = 0;
  /** @type {() => readonly string[]} */
  #picture = () => [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {NodeJS.WriteStream} out */
  constructor(out) {
    this.out = out;
    this.isTerminal = out.isTTY === true && process.env.TERM !== 'dumb';
  }

  /** From now on `picture` stands above the messages. @param {() => readonly string[]} picture */
  show(picture) {
    this.#picture = picture;
    if (!this.isTerminal) return;
    this.#timer = setInterval(() => this.#draw(), 250);
    this.#timer.unref();
  }

  /** @param {string} message what has happened */
  tell(message) {
    const line = `${((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(6)} s  ${message}`;
    this.#messages.push(line);
    if (this.#messages.length > KEPT_MESSAGES) this.#messages.shift();
    if (this.isTerminal) this.#draw();
    else this.out.write(`${line}\n`);
  }

  /**
   * What happens so often that only a log wants to have it; a terminal shows it in the picture.
   *
   * @param {string} message
   */
  note(message) {
    if (!this.isTerminal) this.tell(message);
  }

  /** Stops drawing and leaves the last picture where it is. */
  end() {
    clearInterval(this.#timer);
    if (this.isTerminal) this.#draw();
    this.#drawnLines = 0;
    this.#messages = [];
    this.#picture = () => [];
  }

  #draw() {
    const width = this.out.columns ?? 80;
    const picture = this.#picture();
    // What has scrolled off the top cannot be drawn again.
    const room = Math.max(1, (this.out.rows ?? 24) - picture.length - 3);
    const lines = [...picture, '', ...this.#messages.slice(-room)].map((line) => line.slice(0, width - 1));
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : '';
    this.out.write(`${up}${lines.map((line) => `\x1b[2K${line}`).join('\n')}\n\x1b[J`);
    this.#drawnLines = lines.length;
  }
}

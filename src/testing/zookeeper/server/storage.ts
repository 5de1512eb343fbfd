import type { Change, Image } from './core.js';

/** Where a server keeps what must outlast it. */
export interface Storage {
  readonly directory: string;
  /** What was written last; an empty server where nothing was. Taken until `close`. */
  open(): Image;
  /** Writes a change down before it is answered. `image` tells all there is before the change, for a new snapshot. */
  append(change: Change, image: () => Image | undefined): void;
  /** Throws everything away for this. */
  replace(image: Image): void;
  close(): void;
}
